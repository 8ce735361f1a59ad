//! The first place where two JSON values differ.

use serde_json::Value;

/// Where two values part, and what each has there.
pub struct Difference {
    /// Like `instructions[2].args[0].name`.
    pub path: String,
    /// The one value, shortened.
    pub old: String,
    /// The other value, shortened.
    pub new: String,
}

/// The first difference, or nothing.
pub fn first(old: &Value, new: &Value) -> Option<Difference> {
    walk(String::new(), Some(old), Some(new))
}

fn walk(path: String, old: Option<&Value>, new: Option<&Value>) -> Option<Difference> {
    if old == new {
        return None;
    }
    match (old, new) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let dot = if path.is_empty() { "" } else { "." };
            // The name first: when it differs, the rest is another thing altogether.
            let keys = std::iter::once("name").chain(a.keys().chain(b.keys()).map(String::as_str));
            keys.into_iter()
                .find_map(|key| walk(format!("{path}{dot}{key}"), a.get(key), b.get(key)))
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => (0..a.len().max(b.len()))
            .find_map(|at| walk(format!("{path}[{at}]"), a.get(at), b.get(at))),
        _ => Some(Difference { path, old: short(old), new: short(new) }),
    }
}

fn short(value: Option<&Value>) -> String {
    const MOST: usize = 100;
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_no_difference() {
        let value = json!({"a": [1, {"b": null}]});
        assert!(first(&value, &value).is_none());
    }

    #[test]
    fn the_path_leads_to_the_difference() {
        let old = json!({"instructions": [{"name": "tip", "args": [{"name": "amount"}]}]});
        let mut new = old.clone();
        new["instructions"][0]["args"][0]["name"] = json!("lamports");
        let found = first(&old, &new).expect("they differ");
        assert_eq!(found.path, "instructions[0].args[0].name");
        assert_eq!((&*found.old, &*found.new), ("\"amount\"", "\"lamports\""));
    }

    #[test]
    fn what_one_side_lacks_is_a_difference() {
        let found = first(&json!([1]), &json!([1, 2])).expect("they differ");
        assert_eq!((&*found.path, &*found.old, &*found.new), ("[1]", "nothing", "2"));
    }
}
