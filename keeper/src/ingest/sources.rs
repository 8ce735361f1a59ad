//! Who may send events, and how many.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use axum::http::{HeaderMap, StatusCode, header};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::config::{ConfigError, IngestConfig, SourceConfig};

/// The source of whoever is on this machine, while no source is configured.
const LOCAL: &str = "local";

/// A source of events.
pub struct Source {
    pub name: String,
    pub reports_fraud: bool,
    pub uploads_media: bool,
    key: Option<[u8; 32]>,
    token: Option<DecodingKey>,
    limit: Option<Limit>,
}

/// Events a second in the long run, and as many at once.
struct Limit {
    limiter: DefaultDirectRateLimiter,
    burst: NonZeroU32,
}

/// All sources.
pub struct Sources {
    named: Vec<Source>,
    local: Option<Source>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Sources {
    /// The sources of a configuration.
    pub fn new(config: &IngestConfig) -> Result<Self, ConfigError> {
        let named: Vec<_> = config
            .sources
            .iter()
            .map(|(name, source)| Source::new(name, source))
            .collect::<Result<_, _>>()?;
        let local = named.is_empty().then(|| Source {
            name: LOCAL.into(),
            reports_fraud: true,
            uploads_media: true,
            key: None,
            token: None,
            limit: None,
        });
        Ok(Self { named, local })
    }

    /// Whose request this is, by its key or token; without configured sources, anybody's on this
    /// machine.
    pub fn authenticate(&self, headers: &HeaderMap, peer: IpAddr) -> Result<&Source, Problem> {
        if let Some(local) = &self.local {
            return if peer.to_canonical().is_loopback() {
                Ok(local)
            } else {
                Err(denied("no source is configured: only this machine may send events"))
            };
        }
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, presented)| presented.trim())
            .ok_or_else(|| denied("send your key or token as Authorization: Bearer"))?;
        self.by_key(presented)
            .or_else(|| self.by_token(presented))
            .ok_or_else(|| denied("the key or token is not known, or no longer valid"))
    }

    /// Looks at every source, so that the time tells nothing about whose key is nearly right.
    fn by_key(&self, presented: &str) -> Option<&Source> {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        let mut found = None;
        for source in &self.named {
            if let Some(key) = &source.key
                && bool::from(key.ct_eq(&digest))
            {
                found = Some(source);
            }
        }
        found
    }

    fn by_token(&self, presented: &str) -> Option<&Source> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        self.named.iter().find(|source| {
            let Some(key) = &source.token else { return false };
            jsonwebtoken::decode::<Claims>(presented, key, &validation)
                .is_ok_and(|token| token.claims.sub == source.name)
        })
    }
}

impl Source {
    fn new(name: &str, config: &SourceConfig) -> Result<Self, ConfigError> {
        let key = config.key_sha256.as_ref().map(|text| {
            let mut key = [0; 32];
            hex::decode_to_slice(text, &mut key).map_err(|_| ConfigError {
                key: format!("ingest.sources.{name}.key_sha256"),
                problem: "expected 64 hexadecimal digits".into(),
            })?;
            Ok(key)
        });
        let limit = config.events_per_second_max.map(|events| {
            let burst = NonZeroU32::new(events).ok_or_else(|| ConfigError {
                key: format!("ingest.sources.{name}.events_per_second_max"),
                problem: "0, expected 1 or more".into(),
            })?;
            Ok(Limit { limiter: RateLimiter::direct(Quota::per_second(burst)), burst })
        });
        Ok(Self {
            name: name.into(),
            reports_fraud: config.reports_fraud,
            uploads_media: config.uploads_media,
            key: key.transpose()?,
            token: config
                .token_secret
                .as_ref()
                .map(|secret| DecodingKey::from_secret(secret.reveal().as_bytes())),
            limit: limit.transpose()?,
        })
    }

    /// Counts `events` against the source's limit. A request with more than a second's events counts
    /// as a second's: it could never be taken otherwise.
    pub fn admit(&self, events: u32) -> Result<(), Problem> {
        let (Some(limit), Some(events)) = (&self.limit, NonZeroU32::new(events)) else {
            return Ok(());
        };
        let wait = match limit.limiter.check_n(events.min(limit.burst)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(early)) => early.wait_time_from(limit.limiter.clock().now()),
            Err(_) => Duration::from_secs(1),
        };
        let most = limit.burst;
        let detail = format!("{} may send {most} events a second in the long run", self.name);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many events", detail)
            .with("events_per_second_max", most.get())
            .retry_after(wait))
    }
}

fn denied(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "Not authenticated", detail)
}
