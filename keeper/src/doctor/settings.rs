//! Choices in the configuration that are allowed, and risky.

use anchor_client::Cluster;
use url::{Host, Url};

use super::Finding;
use crate::config::{ChainKind, Config, LogKind};

const NAME: &str = "configuration";

/// What there is to say of a configuration that was accepted.
pub fn check(config: &Config) -> Vec<Finding> {
    let risks: Vec<_> = [cluster_risks(config), connection_risks(config), source_risks(config)]
        .into_iter()
        .flatten()
        .map(|(found, advice)| Finding::warn(NAME, found, advice))
        .collect();
    if risks.is_empty() { vec![Finding::ok(NAME, "every value is accepted")] } else { risks }
}

type Risk = (&'static str, &'static str);

/// What is fine on one machine, and not where real money is.
fn cluster_risks(config: &Config) -> Vec<Risk> {
    let ChainKind::Cluster(cluster) = &config.chain.rpc_url else { return Vec::new() };
    let mut risks = Vec::new();
    if matches!(cluster, Cluster::Mainnet | Cluster::Devnet | Cluster::Testnet) {
        risks.push((
            "chain.rpc_url is a public endpoint, which limits requests and keeps little history",
            "use an endpoint of your own or a provider's",
        ));
    }
    if *cluster == Cluster::Localnet {
        return risks;
    }
    if config.keys.master_seed.is_none() {
        risks.push((
            "the master seed is only in the data folder, and everything derives from it",
            "keep it in a secret store and give it as MASTER_SEED, or keep a copy elsewhere",
        ));
    }
    if config.keys.admin.is_none() || config.keys.guardian.is_none() {
        risks.push((
            "the keys of admin and guardian derive from the keeper's seed: who has it has every role",
            "give these roles to keys that this machine does not have (`pixr platform set-role`, \
             `propose-admin`)",
        ));
    }
    if config.objects.s3_bucket.is_none() {
        risks.push((
            "batches are published in a folder of this machine, where nobody else can read them",
            "name a bucket in objects.s3_bucket (S3_BUCKET)",
        ));
    }
    risks
}

/// Connections that others can read.
fn connection_risks(config: &Config) -> Vec<Risk> {
    let mut risks = Vec::new();
    if let ChainKind::Cluster(cluster) = &config.chain.rpc_url
        && is_open(cluster.url(), "http")
    {
        risks.push((
            "chain.rpc_url goes over the network without encryption: answers could be forged",
            "use https",
        ));
    }
    let database = config.database.url.as_ref().map(|url| url.reveal());
    let encrypts = |url: &str| url.contains("sslmode=require") || url.contains("sslmode=verify");
    if database.is_some_and(|url| is_remote(url) && !encrypts(url)) {
        risks.push((
            "database.url goes over the network and does not insist on encryption",
            "add sslmode=require to it, or reach the server through a private network",
        ));
    }
    let redis = config.log.redis_url.as_ref().map(|url| url.reveal());
    if config.log.kind == LogKind::Postgres && redis.is_some() {
        risks.push((
            "log.redis_url (REDIS_URL) is set, but log.kind is postgres: Redis is not used",
            "set log.kind to redis, or leave the URL out",
        ));
    }
    if config.log.kind == LogKind::Redis && redis.is_some_and(|url| is_open(url, "redis")) {
        risks.push((
            "log.redis_url goes over the network without encryption",
            "use rediss, or reach the server through a private network",
        ));
    }
    risks
}

fn source_risks(config: &Config) -> Vec<Risk> {
    let sources = &config.ingest.sources;
    let mut risks = Vec::new();
    if sources.is_empty() {
        risks.push((
            "no source is named: whoever reaches the loopback interface may send view events",
            "name who may, in [ingest.sources.NAME]",
        ));
    }
    if !config.ingest.listen.ip().is_loopback() {
        risks.push((
            "ingest.listen is reachable from other machines, and speaks HTTP without encryption",
            "let a proxy that speaks TLS stand before it",
        ));
    }
    if sources.values().any(|source| source.events_per_second_max.is_none()) {
        risks.push((
            "a source may send as many events as it can",
            "set events_per_second_max for every source",
        ));
    }
    risks
}

/// Whether `url` is of a scheme without encryption, to another machine.
fn is_open(url: &str, scheme: &str) -> bool {
    url.starts_with(&format!("{scheme}://")) && is_remote(url)
}

/// Whether `url` names another machine than this.
fn is_remote(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => match name.parse::<std::net::IpAddr>() {
            Ok(address) => !address.is_loopback(),
            Err(_) => !name.is_empty() && name != "localhost",
        },
        Some(Host::Ipv4(address)) => !address.is_loopback(),
        Some(Host::Ipv6(address)) => !address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_this_machine_from_others() {
        for url in [
            "http://127.0.0.1:8899",
            "http://localhost:8899",
            "http://[::1]:8899",
            "postgres://a@127.0.0.1/b",
            "unix:///run/redis.sock",
        ] {
            assert!(!is_remote(url), "{url}");
        }
        for url in ["http://10.0.0.1", "redis://cache.example/", "postgres://a:b@10.1.1.1/c"] {
            assert!(is_remote(url), "{url}");
        }
        assert!(!is_open("rediss://cache.example/", "redis"));
    }

    #[test]
    fn a_cluster_needs_more_than_one_machine_does() {
        let mut config = Config::default();
        let found = |config: &Config| -> Vec<_> {
            check(config).into_iter().map(|finding| finding.found).collect()
        };
        assert_eq!(found(&config).len(), 1, "only that no source is named");
        config.chain.rpc_url = ChainKind::Cluster(Cluster::Mainnet);
        assert_eq!(found(&config).len(), 5, "{:?}", found(&config));
        let custom = Cluster::Custom("http://rpc.example".into(), "ws://rpc.example".into());
        config.chain.rpc_url = ChainKind::Cluster(custom);
        assert!(found(&config).iter().any(|text| text.contains("without encryption")));
    }
}
