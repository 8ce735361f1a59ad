use super::*;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = folder();
    let file = folder.path().join("pixr.toml");
    std::fs::write(&file, text).unwrap();
    let environment =
        environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    load(Some(&file), &environment)
}

fn error(text: &str, environment: &[(&str, &str)]) -> String {
    load_text(text, environment).unwrap_err().to_string()
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim_start_matches("# ").split_once(" = ")?;
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    key.chars().all(word).then_some((key, value))
}

/// The example with everything in it that is commented out.
fn example_in_full() -> String {
    let uncomment = |line: &str| {
        let bare = line.trim_start_matches("# ");
        let set = key_and_value(line).is_some() || bare.starts_with("[ingest.sources");
        if set { format!("{bare}\n") } else { format!("{line}\n") }
    };
    EXAMPLE.lines().map(uncomment).collect()
}

#[test]
fn the_example_states_the_defaults() {
    let example = load_text(EXAMPLE, &[]).unwrap();
    assert_eq!(format!("{example:#?}"), format!("{:#?}", Config::default()));
    let none = load(None, &Environment::new()).unwrap();
    assert_eq!(format!("{none:#?}"), format!("{:#?}", Config::default()));
}

#[test]
fn the_example_has_every_key_and_the_variables_beside_them() {
    let full: toml::Table = example_in_full().parse().unwrap();
    for (section, keys) in known::sections() {
        for key in keys {
            let value = full[section].get(key);
            assert!(value.is_some(), "config.example.toml lacks {section}.{key}");
        }
    }
    for (path, keys) in media::tables() {
        let table = path.split('.').fold(&full["media"], |table, name| match name {
            "media" => table,
            name => &table[name],
        });
        for key in keys {
            assert!(table.get(key).is_some(), "config.example.toml lacks {path}.{key}");
            let key = format!("{path}.{key}");
            assert!(known::accepted(&key).is_some(), "{key}");
        }
    }
    let source = full["ingest"]["sources"].as_table().unwrap().values().next().unwrap();
    for key in known::source_keys() {
        assert!(source.get(key).is_some(), "config.example.toml lacks sources.NAME.{key}");
    }
    let mut section = "";
    let mut variable = None;
    let mut found = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some(name) = line.strip_prefix("# Variable: ") {
            variable = Some(name);
        } else if let Some((key, _)) = key_and_value(line)
            && let Some(variable) = variable.take()
        {
            found.push((variable, format!("{section}.{key}")));
        }
    }
    let mut wanted = VARIABLES.map(|(variable, key)| (variable, key.to_owned())).to_vec();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn everything_in_the_example_is_accepted() {
    let config = load_text(&example_in_full(), &[]).unwrap();
    assert_eq!(config.ingest.sources["player"].events_per_second_max, Some(10_000));
    assert!(config.keys.master_seed.is_some() && config.objects.s3_endpoint.is_some());
}

#[test]
fn sections_are_those_of_the_configuration() {
    let names: Vec<_> = known::sections().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, fields::of::<Config>());
}

#[test]
fn every_key_says_what_it_accepts() {
    for (section, keys) in known::sections() {
        for key in keys {
            let key = format!("{section}.{key}");
            assert!(known::accepted(&key).is_some(), "{key}");
        }
    }
    for key in known::source_keys() {
        let key = format!("ingest.sources.name.{key}");
        let accepted = known::accepted(&key).unwrap();
        assert!(!accepted.starts_with("a table"), "{key}: {accepted}");
    }
}

#[test]
fn every_variable_sets_its_key_and_wins() {
    let text = example_in_full();
    let values = [
        ("SOLANA_RPC_URL", "devnet"),
        ("SOLANA_WS_URL", "ws://127.0.0.1:1"),
        ("DATABASE_URL", "postgres://elsewhere/pixr"),
        ("REDIS_URL", "redis://elsewhere"),
        ("BATCH_SIZE", "7"),
        ("BATCH_INTERVAL", "77"),
        ("MIN_BATCH_AMOUNT", "777"),
        ("MASTER_SEED", "ab"),
        ("TREASURY_PRIVATE_KEY", "[1]"),
        ("KEEPER_PRIVATE_KEY", "[2]"),
        ("AWS_REGION", "nowhere-1"),
        // A word made of digits stays a word.
        ("S3_BUCKET", "12345"),
        ("PIXR_DATA", "/elsewhere"),
        ("PIXR_MEDIA", "/scratch"),
        ("MEDIA_WORKERS", "3"),
    ];
    assert_eq!(values.map(|(name, _)| name), VARIABLES.map(|(name, _)| name));
    let config = load_text(&text, &values).unwrap();
    assert_eq!(config.chain.rpc_url, "devnet".parse().unwrap());
    assert_eq!(config.chain.ws_url.unwrap().as_str(), "ws://127.0.0.1:1/");
    assert_eq!(config.database.url.unwrap().reveal(), "postgres://elsewhere/pixr");
    assert_eq!(config.log.redis_url.unwrap().reveal(), "redis://elsewhere");
    assert_eq!(config.settlement.batch_size, 7);
    assert_eq!(config.settlement.batch_interval_ms, Millis(77));
    assert_eq!(config.settlement.min_batch_amount, 777);
    assert_eq!(config.keys.master_seed.unwrap().reveal(), "ab");
    assert_eq!(config.keys.treasury.unwrap().reveal(), "[1]");
    assert_eq!(config.keys.keeper.unwrap().reveal(), "[2]");
    assert_eq!(config.objects.aws_region.unwrap(), "nowhere-1");
    assert_eq!(config.objects.s3_bucket.unwrap(), "12345");
    assert_eq!(config.data.folder, std::path::Path::new("/elsewhere"));
    assert_eq!(config.media.folder.unwrap(), std::path::Path::new("/scratch"));
    assert_eq!(config.media.workers, 3);

    let empty = values.map(|(name, _)| (name, ""));
    let same = load_text(&text, &empty).unwrap();
    assert_eq!(format!("{same:?}"), format!("{:?}", load_text(&text, &[]).unwrap()));
}

#[test]
fn errors_name_key_value_and_what_is_accepted() {
    let cases = [
        (
            "",
            ("BATCH_SIZE", "many"),
            "settlement.batch_size (BATCH_SIZE): \"many\" is not accepted: \
             expected a whole number from 1 to 2,048",
        ),
        (
            "",
            ("BATCH_SIZE", "2049"),
            "settlement.batch_size (BATCH_SIZE): 2049 is not accepted: \
             expected a whole number from 1 to 2,048",
        ),
        (
            "",
            ("BATCH_INTERVAL", "-1"),
            "settlement.batch_interval_ms (BATCH_INTERVAL): -1 is not accepted: \
             expected a whole number from 10 to 3,600,000",
        ),
        (
            "[log]\npartitions = -3",
            ("", ""),
            "log.partitions: -3 is not accepted: expected a whole number from 1 to 256",
        ),
        (
            "[log]\npartitions = 100_000",
            ("", ""),
            "log.partitions: 100000 is not accepted: expected a whole number from 1 to 256",
        ),
        (
            "[log]\nkind = \"kafka\"",
            ("", ""),
            "log.kind: \"kafka\" is not accepted: expected postgres or redis",
        ),
        (
            "",
            ("SOLANA_RPC_URL", "mainet"),
            "chain.rpc_url (SOLANA_RPC_URL): \"mainet\" is not accepted: expected embedded, \
             localnet, devnet, testnet, mainnet, or the URL of an RPC endpoint",
        ),
        ("chain = 3", ("", ""), "chain: 3 is not accepted: expected a table, [chain]"),
        (
            "[settlment]\nbatch_size = 1",
            ("", ""),
            "settlment: there is no such key; did you mean settlement?",
        ),
        (
            "[settlement]\nbatch_sise = 1",
            ("", ""),
            "settlement.batch_sise: there is no such key; did you mean batch_size?",
        ),
        (
            "[ingest.sources.player]\ntokensecret = \"x\"",
            ("", ""),
            "ingest.sources.player.tokensecret: there is no such key; did you mean token_secret?",
        ),
        (
            "[media.limits]\nduration_max = 60",
            ("", ""),
            "media.limits.duration_max: there is no such key; did you mean duration_seconds_max?",
        ),
        (
            "[media.limits.bounds]\nnice = 20",
            ("", ""),
            "media.limits.bounds.nice: 20 is not accepted: expected a whole number from 0 to 19",
        ),
        (
            "[media.prices.work.av1_fast]\nstart_us = -1",
            ("", ""),
            "media.prices.work.av1_fast.start_us: -1 is not accepted: expected a whole number from 0 \
             to 60,000,000",
        ),
        (
            "",
            ("MEDIA_WORKERS", "all"),
            "media.workers (MEDIA_WORKERS): \"all\" is not accepted: expected a whole number from 0 \
             to 1,024",
        ),
        (
            "[chain]\nplatform_base = \"nobody\"",
            ("", ""),
            "chain.platform_base: \"nobody\" is not accepted: expected an address in base58",
        ),
        (
            "[ingest]\nlisten = \"everywhere\"",
            ("", ""),
            "ingest.listen: \"everywhere\" is not accepted: expected an address and a port, like \
             127.0.0.1:8080",
        ),
    ];
    for (text, variable, expected) in cases {
        assert_eq!(error(text, &[variable]), expected);
    }
}

#[test]
fn secrets_are_never_repeated() {
    let secret = "hunter2-hunter2";
    let texts = [
        format!("[database]\nurl = [\"{secret}\"]"),
        format!("[database]\nurl = \"{secret}\""),
        format!("[log]\nredis_url = \"{secret}\""),
        format!("[keys]\nmaster_seed = {{ a = \"{secret}\" }}"),
        format!("[keys]\ntreasury = \"{secret}"),
        format!("[ingest.sources.a]\ntoken_secret = \"{secret}\""),
        format!("[ingest.sources.a]\nkey_sha256 = \"{secret}\""),
        format!("[chain]\nws_url = \"https://example.com/{secret}\""),
        format!("[chain]\nrpc_url = \"ftp://example.com/?key={secret}\""),
    ];
    for text in texts {
        let error = error(&text, &[]);
        assert!(!error.contains("hunter2"), "{error}");
        let loaded = load_text(&text.replace(secret, "x"), &[]);
        assert!(loaded.is_err());
    }
    let url = format!("postgres://user:{secret}@host/pixr");
    let config = load_text("", &[("DATABASE_URL", &url)]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let source =
        "[ingest.sources.a]\nkey_sha256 = \"\"".replace("\"\"", &format!("{:?}", "0".repeat(64)));
    let cases = [
        ("[log]\nkind = \"redis\"", "log.redis_url (REDIS_URL): has to be set"),
        ("[objects]\ns3_bucket = \"b\"", "objects.aws_region (AWS_REGION): has to be set"),
        (
            "[objects]\ns3_endpoint = \"http://localhost\"",
            "objects.s3_bucket (S3_BUCKET): has to be",
        ),
        ("[ingest]\nlisten = \"0.0.0.0:80\"", "ingest.listen: 0.0.0.0:80 is reachable"),
        ("[ingest]\nqueue_bytes_max = 2048", "ingest.queue_bytes_max: 2048 is below"),
        ("[counting]\nid_seconds = 86_699", "counting.id_seconds: 86699 is below"),
        ("[log]\nretention_seconds = 86_699", "log.retention_seconds: 86699 is below"),
        ("[settlement]\npriority_fee_max = 9_999", "settlement.priority_fee_calm: 10000 is above"),
        (
            "[observe]\nlog_level = \"loud=very\"",
            "observe.log_level: \"loud=very\" is not accepted",
        ),
        ("[ingest.sources.a]\nreports_fraud = true", "ingest.sources.a: has no way to prove"),
        ("[database]\nurl = \"mysql://host\"", "database.url (DATABASE_URL): this value is not"),
    ];
    for (text, expected) in cases {
        let error = error(text, &[]);
        assert!(error.starts_with(expected), "{error}");
    }
    load_text(&format!("[ingest]\nlisten = \"0.0.0.0:80\"\n{source}"), &[]).unwrap();
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_its_line() {
    let error = error("[data]\nfolder = \"a\"\nfolder\n", &[]);
    assert!(error.contains("pixr.toml: line 3: "), "{error}");
    let missing = load(Some(std::path::Path::new("/nonexistent/pixr.toml")), &Environment::new());
    assert!(missing.unwrap_err().to_string().starts_with("/nonexistent/pixr.toml: No such file"));
}

#[test]
fn the_file_is_named_or_found() {
    let folder = folder();
    let path = folder.path();
    let none = Environment::new();
    let variable = Environment::from([("PIXR_CONFIG".to_owned(), "from-variable".to_owned())]);
    assert_eq!(locate(None, &none, path), None);
    std::fs::write(path.join("pixr.toml"), "").unwrap();
    assert_eq!(locate(None, &none, path), Some(path.join("pixr.toml")));
    assert_eq!(locate(None, &variable, path), Some("from-variable".into()));
    assert_eq!(locate(Some("named".into()), &variable, path), Some("named".into()));
}
