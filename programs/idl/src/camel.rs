//! Names as Anchor's TypeScript client spells them: it reads the IDL and turns every name into camel
//! case before use, so the type has to have the same spelling.

/// The keys whose values are names. Everything else, documentation and addresses for instance, stays
/// as it is.
const NAMES: [&str; 4] = ["name", "path", "account", "generic"];

/// The key whose value is a list of names.
const LIST_OF_NAMES: &str = "relations";

/// Turns the names in a JSON text into camel case. The text is `serde_json`'s pretty print, which has
/// one key or one value on a line; working on lines keeps the order of the keys.
pub fn names(json: &str) -> String {
    let mut in_list = false;
    json.lines()
        .map(|line| {
            let text = line.trim_start();
            let indent = &line[..line.len() - text.len()];
            let (key, value) = match text.split_once("\": ") {
                Some((key, value)) if key.starts_with('"') => (&key[1..], value),
                _ => ("", text),
            };
            if key == LIST_OF_NAMES {
                in_list = value == "[";
            } else if in_list && text.starts_with(']') {
                in_list = false;
            }
            let is_name = NAMES.contains(&key) || (in_list && key.is_empty());
            match value.strip_prefix('"').and_then(|v| v.split_once('"')) {
                Some((name, rest)) if is_name => {
                    let start = &text[..text.len() - value.len()];
                    format!("{indent}{start}\"{}\"{rest}", path(name))
                }
                _ => line.to_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// A name, or names joined by dots.
fn path(name: &str) -> String {
    name.split('.').map(camel).collect::<Vec<_>>().join(".")
}

/// `total_paid`, `TotalPaid` and `TOTAL_PAID` become `totalPaid`. A letter that follows a digit is a
/// capital, as it is in the client.
fn camel(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut result = String::new();
    let mut capital = false;
    for (at, &character) in characters.iter().enumerate() {
        if character == '_' || character == '-' {
            capital = !result.is_empty();
            continue;
        }
        let before = at.checked_sub(1).map(|at| characters[at]);
        let after = characters.get(at + 1);
        // A word starts at a capital after a small letter, and at the last of several capitals.
        let starts = character.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if capital || starts || before.is_some_and(|before| before.is_ascii_digit()) {
            result.extend(character.to_uppercase());
        } else {
            result.extend(character.to_lowercase());
        }
        capital = false;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_the_client_spells_them() {
        for (name, wanted) in [
            ("total_paid", "totalPaid"),
            ("TotalPaid", "totalPaid"),
            ("TOTAL_PAID", "totalPaid"),
            ("pixr", "pixr"),
            ("HTTPServer", "httpServer"),
            ("_reserved", "reserved"),
            ("reserved_0", "reserved0"),
            ("u64_max", "u64Max"),
            ("day7total", "day7Total"),
            ("A", "a"),
            ("shard.next_id", "shard.nextId"),
        ] {
            assert_eq!(path(name), wanted);
        }
    }

    #[test]
    fn only_names_change() {
        let json = r#"{
  "name": "tip_creator",
  "docs": [
    "about some_field: \"x\""
  ],
  "relations": [
    "vault_owner"
  ],
  "msg": "no_change",
  "address": "Ab_C",
  "value": [
    1
  ]
}"#;
        let wanted = json.replace("tip_creator", "tipCreator").replace("vault_owner", "vaultOwner");
        assert_eq!(names(json), wanted);
    }
}
