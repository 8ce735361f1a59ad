//! Where an RPC endpoint is, and how to speak of it: its URL may hold a key.

use url::Url;

use crate::chain::ChainError;

/// Shorter parts of a URL (`v1`, `rpc`) are no keys.
const SECRET_CHARACTERS_MIN: usize = 6;
/// What stands in the place of a secret part.
const HIDDEN: &str = "…";
/// Longest text of an endpoint that is passed on, in characters.
const TEXT_CHARACTERS_MAX: usize = 500;

/// The URL of an endpoint.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    secrets: Vec<String>,
}

impl Endpoint {
    /// Takes a URL. `key` names it in the error.
    pub fn new(url: &str, key: &str) -> Result<Self, ChainError> {
        let url: Url = url
            .parse()
            .map_err(|error| ChainError::Invalid(format!("{key} is no URL: {error}")))?;
        let mut secrets: Vec<String> = url.path().split('/').map(str::to_owned).collect();
        secrets
            .extend(url.query().into_iter().flat_map(|it| it.split(['&', '='])).map(str::to_owned));
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        secrets.push(url.username().to_owned());
        secrets.extend(url.password().map(str::to_owned));
        secrets.retain(|secret| secret.chars().count() >= SECRET_CHARACTERS_MIN);
        // What is part of another is replaced after it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self { url, secrets })
    }

    /// The whole URL, for the one place that connects to it.
    pub fn reveal(&self) -> &str {
        self.url.as_str()
    }

    /// Scheme, host and port.
    pub fn shown(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.url.scheme())
    }

    /// A text of the endpoint without the URL's secret parts, and not too long.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, HIDDEN);
        }
        match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
            Some((end, _)) => format!("{}{HIDDEN}", &text[..end]),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_urls_are_not_shown() {
        for url in [
            "https://rpc.example/v2/s3cret-key-123",
            "https://rpc.example/?api-key=s3cret-key-123",
            "https://rpc.example/v1?a=b&token=s3cret-key-123",
            "https://s3cret-key-123:other-key-9@rpc.example/",
            "wss://user12:s3cret-key-123@rpc.example:9000/x",
        ] {
            let endpoint = Endpoint::new(url, "chain.rpc_url").expect("a URL");
            assert!(endpoint.shown().contains("://rpc.example"), "{}", endpoint.shown());
            assert!(!endpoint.shown().contains("s3cret"));
            let text = format!("cannot connect to {url}: refused");
            let text = endpoint.redact(&text);
            assert!(!text.contains("s3cret-key-123") && text.ends_with(": refused"), "{text}");
        }
        let Err(error) = Endpoint::new("s3cret-key-123", "chain.rpc_url") else { panic!("a URL") };
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn long_texts_are_cut() {
        let endpoint = Endpoint::new("http://127.0.0.1:8899", "chain.rpc_url").expect("a URL");
        assert_eq!(endpoint.shown(), "http://127.0.0.1:8899");
        let text = endpoint.redact(&"ä".repeat(10_000));
        assert_eq!(text.chars().count(), TEXT_CHARACTERS_MAX + 1);
    }
}
