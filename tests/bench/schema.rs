//! docs/bench.schema.json, held against what is printed: the part of JSON Schema that it uses.

use std::fs;

use serde_json::{Value, json};

/// Panics if `value` is not what the schema says.
#[track_caller]
pub(crate) fn holds(value: &Value) {
    let schema: Value = serde_json::from_slice(&fs::read("docs/bench.schema.json").unwrap()).unwrap();
    if let Err(why) = check(&schema, &schema, value, "$") {
        panic!("{why}\n{value:#}");
    }
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return check(root, target, value, at);
    }
    for one_of in ["oneOf", "anyOf"] {
        if let Some(several) = schema[one_of].as_array() {
            let tried: Vec<_> = several.iter().map(|one| check(root, one, value, at)).collect();
            if tried.iter().all(Result::is_err) {
                return Err(tried.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("\n or "));
            }
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is(value, name)) {
        return Err(format!("{at} is {value}, and should be {types:?}"));
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, &schema["items"], item, &format!("{at}[{number}]"))?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            return Err(format!("{at} has no {name}"));
        }
    }
    for (name, value) in object {
        let at = format!("{at}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("{at} is not in the schema")),
            (Value::Null, more @ Value::Object(_)) => check(root, more, value, &at)?,
            (Value::Null, _) => {}
            (property, _) => check(root, property, value, &at)?,
        }
    }
    Ok(())
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema has a type {other:?}"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "array", "items": {"type": "string"}}},
    });
    for (value, why) in [
        (json!({"a": 1, "b": ["x"]}), None),
        (json!({"a": null}), None),
        (json!({}), Some("$ has no \"a\"")),
        (json!({"a": 1.5}), Some("$.a is 1.5, and should be [\"integer\", \"null\"]")),
        (json!({"a": 1, "b": [1]}), Some("$.b[0] is 1, and should be [\"string\"]")),
        (json!({"a": 1, "c": 1}), Some("$.c is not in the schema")),
    ] {
        assert_eq!(check(&schema, &schema, &value, "$").err().as_deref(), why);
    }
}
