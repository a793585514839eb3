//! The model file: what is written is read back, and damage is an error with a name.

mod common;

use common::{ARITHMETICS, descriptions, made, randomised, realnvp};
use proptest::prelude::*;
use pushforward::model::{Arithmetic, Description, Golden, Model, ModelError, Names, Symmetry};
use serde_json::{Value, json};

fn small() -> Model {
    let mut model = randomised(made(5, &[7], true, Symmetry::Z2), Arithmetic::Fused, 0.3);
    model.provenance.insert("tool".into(), "test".into());
    model
}

#[test]
fn every_model_survives_the_file() {
    for (name, description) in descriptions() {
        for arithmetic in ARITHMETICS {
            let model = randomised(description.clone(), arithmetic, 0.3);
            let bytes = model.to_bytes().unwrap();
            let read = Model::from_bytes(&bytes).unwrap();
            assert_eq!(read.parameters(), model.parameters(), "{name}");
            assert_eq!(read.description(), model.description(), "{name}");
            assert_eq!(read.to_bytes().unwrap(), bytes, "{name}: writing is deterministic");
            assert!(read.golden().is_some() && read.golden_rows_hold().unwrap(), "{name}");
            let other = read.clone().with_arithmetic(arithmetic);
            assert!(
                other.golden().is_none(),
                "golden rows belong to the bits they were drawn with"
            );
        }
    }
}

#[test]
fn any_number_of_golden_rows_survives_the_file() {
    for n in [1, 3, 8, 1000, 4096] {
        let model = small().with_golden_rows(5, n).unwrap();
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        let golden = read.golden().unwrap();
        assert_eq!((golden.seed, golden.log_prob.len(), golden.rows.len()), (5, n, 5 * n));
        assert!(read.golden_rows_hold().unwrap());
        assert!(read.to_bytes().unwrap() == bytes, "{n} rows are written again");
    }
    for found in [0, 4097, usize::MAX] {
        let error = small().with_golden_rows(5, found).unwrap_err();
        assert_eq!(error, ModelError::GoldenRows { found, most: 4096 });
    }
}

#[test]
fn golden_rows_are_compared_by_bits() {
    let golden = |x| Golden { seed: 0, context: vec![], rows: vec![x], log_prob: vec![1.0] };
    assert_eq!(golden(0.0), golden(0.0));
    assert_ne!(golden(0.0), golden(-0.0));

    // The rows of a file whose weights were changed and whose hash was written again.
    let bytes = small().with_golden_rows(0, 3).unwrap().to_bytes().unwrap();
    let mut other = small();
    other.set_parameters(&small().parameters().iter().map(|w| -w).collect::<Vec<_>>()).unwrap();
    let other = other.with_golden_rows(0, 3).unwrap().to_bytes().unwrap();
    let forged = rebuilt(&other, |header, data| {
        let [from, to] = offsets(&header["golden.log_prob"]);
        let data_start = bytes.len() - data.len();
        data[from..to].copy_from_slice(&bytes[data_start..][from..to]);
    });
    let Err(ModelError::Hash { found, expected }) = Model::from_bytes(&forged) else {
        panic!("the hash covers golden rows")
    };
    let forged = Model::from_bytes(&edited(&forged, &expected, &found)).unwrap();
    assert!(!forged.golden_rows_hold().unwrap());
}

#[test]
fn names_survive_the_file_and_change_no_bits() {
    let named = |row: &[&str]| {
        let row = row.iter().map(|name| (*name).to_owned()).collect();
        small().with_names(Some(Names { row, context: vec![] }))
    };
    let model = named(&["x", "y, \"z\"", "µ", "3", "#"]).unwrap();
    let bytes = model.to_bytes().unwrap();
    let read = Model::from_bytes(&bytes).unwrap();
    assert_eq!(read.names(), model.names());
    assert_eq!(read.to_bytes().unwrap(), bytes);
    let bare = read.clone().with_names(None).unwrap();
    assert_eq!(bare.golden(), read.golden());
    assert_eq!(bare.to_bytes().unwrap(), small().to_bytes().unwrap());

    for (row, expected) in [
        (&["x"; 4][..], "`columns.row`: found 4 names, expected 5"),
        (
            &["a", "b", "c", "d", "b"],
            "`columns.row`, number 5: found \"b\" again, expected names that",
        ),
        (&["a", "", "c", "d", "e"], "number 2: found 0 bytes, expected 1 to 256"),
        (
            &["a", "b", "c\nd", "d", "e"],
            "number 3: found \"c\\nd\", expected no control characters",
        ),
        (&["a", "b", "c", "d", " e"], "number 5: found \" e\", expected no control"),
        (
            &[&"x".repeat(257)[..], "b", "c", "d", "e"],
            "number 1: found 257 bytes, expected 1 to 256",
        ),
    ] {
        let error = named(row).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // A file is held to the same.
    let names = r#"\"row\":[\"x\","#;
    for (to, expected) in [
        (r#"\"row\":[\"3\","#, "`columns.row`, number 4: found \"3\" again"),
        (r#"\"row\":[1,"#, "`columns`: invalid type: integer `1`, expected a string"),
        (r#"\"row\":["#, "`columns.row`: found 4 names, expected 5"),
        (r#"\"context\":[\"c\"],\"row\":[\"x\","#, "`columns.context`: found 1 names, expected 0"),
        (r#"\"rows\":[],\"row\":[\"x\","#, "`columns`: unknown field `rows`"),
    ] {
        let error = Model::from_bytes(&edited(&bytes, names, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let v1 = include_bytes!("../../codegen/tests/models/v1/spins_fused.safetensors");
    let edited = edited(v1, r#"\"version\":1"#, r#"\"version\":1,\"columns\":{\"row\":[]}"#);
    let error = Model::from_bytes(&edited).unwrap_err().to_string();
    assert_eq!(error, "metadata `pushforward`: `columns`: unknown key");
}

/// What reading refuses, writing refuses: every file that is written can be read.
#[test]
fn nothing_unreadable_is_written() {
    let huge = randomised(realnvp(4, 2, &[4], true), Arithmetic::Plain, 1e30);
    let error = huge.to_bytes().unwrap_err().to_string();
    assert!(error.starts_with("tensor `golden.rows`: found "), "{error}");
    assert!(error.ends_with("expected finite numbers"), "{error}");
    assert!(huge.with_golden_rows(1, 1).is_err());

    let mut deep = small();
    let nested = (0..200).fold(Value::Null, |inner, _| json!([inner]));
    deep.provenance.insert("nested".into(), nested);
    let error = deep.to_bytes().unwrap_err().to_string();
    assert!(error.contains("recursion limit"), "{error}");
}

/// `from_bytes` looks names up; it does not search all of them for each. Eight times as many
/// tensors take some ten times as long; a search for each name made it forty.
#[test]
fn reading_takes_time_in_proportion_to_the_tensors() {
    let seconds = |layers: usize| {
        let description = realnvp(2, layers, &[1; 13], false);
        let tensors = description.tensors().len();
        let bytes = Model::new(description, Arithmetic::Plain).unwrap().to_bytes().unwrap();
        let read = |_| {
            let start = std::time::Instant::now();
            Model::from_bytes(&bytes).unwrap();
            start.elapsed().as_secs_f64()
        };
        let best = (0..5).map(read).fold(f64::INFINITY, f64::min);
        println!("{tensors} tensors: {:.1} ms", best * 1e3);
        best
    };
    let (few, many) = (seconds(128), seconds(1024));
    assert!(many < 20.0 * few, "{many} s for 8 times what took {few} s");
}

/// No list is made for a shape before the shape is known to be one.
#[test]
fn a_shape_of_any_size_is_an_error() {
    for (name, mut description) in descriptions() {
        for shape in [vec![usize::MAX, 3], vec![1 << 40], vec![0], vec![]] {
            let whole = match &mut description {
                Description::Flow(flow) => &mut flow.shape,
                Description::Sites(sites) => &mut sites.shape,
            };
            *whole = shape.clone();
            // No extents at all are one value, which some models have.
            match description.validate() {
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        error.contains("`shape`") || shape.is_empty(),
                        "{name} {shape:?}: {error}"
                    );
                }
                Ok(()) => assert!(shape.is_empty(), "{name} {shape:?}"),
            }
        }
    }
}

fn offsets(entry: &Value) -> [usize; 2] {
    [0, 1].map(|i| entry["data_offsets"][i].as_u64().unwrap() as usize)
}

/// The safetensors file with its header and its data changed; the length in front follows.
fn rebuilt(bytes: &[u8], change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    change(&mut header, &mut data);
    let header = header.to_string();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// The safetensors file with its JSON header edited as text; the length in front follows.
fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replacen(from, to, 1);
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(&bytes[8 + length..]);
    out
}

#[test]
fn damage_is_named() {
    let bytes = small().to_bytes().unwrap();
    let error = |from: &str, to: &str| Model::from_bytes(&edited(&bytes, from, to)).unwrap_err();

    let version = error("\\\"version\\\":2", "\\\"version\\\":9");
    assert_eq!(version, ModelError::Version { found: 9, newest: 2 });
    let version = error("\\\"version\\\":2", "\\\"version\\\":0").to_string();
    assert!(version.contains("found 0, which is not a version"), "{version}");
    assert!(error("\\\"version\\\":2", "\\\"version\\\":-1").to_string().contains("`version`"));
    assert!(
        error("\\\"kind\\\":\\\"sites\\\"", "\\\"kind\\\":\\\"gpt\\\"").to_string().contains("gpt")
    );
    assert_eq!(error("\"pushforward\":", "\"somebodyelse\":"), ModelError::NotAModel);
    assert!(matches!(
        error("\\\"tool\\\":\\\"test\\\"", "\\\"tool\\\":\\\"tset\\\""),
        ModelError::Hash { .. }
    ));
    let missing = error("\"network.hidden.0.bias\"", "\"network.hidden.9.bias\"");
    assert!(
        missing.to_string().starts_with("tensor `network.hidden.0.bias`: missing"),
        "{missing}"
    );
    let shape = error("\\\"hidden\\\":[7]", "\\\"hidden\\\":[8]");
    assert!(shape.to_string().contains("found shape [7, 5], expected [8, 5]"), "{shape}");
    let sizes = error("\"shape\":[7]", "\"shape\":[8]").to_string();
    let expected = "found 28 bytes, expected 32 for shape [8] of F32";
    assert!(sizes.contains("tensor `network.hidden.0.") && sizes.contains(expected), "{sizes}");
    let huge = error("\\\"shape\\\":[5]", "\\\"shape\\\":[5000000000]");
    assert!(huge.to_string().contains("`shape`"), "{huge}");
    assert!(matches!(Model::from_bytes(b"").unwrap_err(), ModelError::Container(_)));
    let none = rebuilt(&bytes, |header, data| {
        let entries = header.as_object_mut().unwrap();
        let golden = offsets(&entries["golden.rows"])[1];
        entries["golden.rows"] = json!({"dtype": "F32", "shape": [0, 5], "data_offsets": [0, 0]});
        entries["golden.log_prob"] = json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]});
        for (_, entry) in entries.iter_mut().filter(|(name, _)| !name.starts_with("golden.")) {
            if entry.get("data_offsets").is_some() {
                entry["data_offsets"] = json!(offsets(entry).map(|at| at - golden));
            }
        }
        data.drain(..golden);
    });
    let none = Model::from_bytes(&none).unwrap_err();
    assert_eq!(none, ModelError::GoldenRows { found: 0, most: 4096 });
}

#[test]
fn a_key_is_known_and_comes_once() {
    let bytes = small().to_bytes().unwrap();
    let error = |from: &str, to: &str| {
        Model::from_bytes(&edited(&bytes, from, to)).unwrap_err().to_string()
    };
    let entry = r#""network.hidden.0.bias":{"dtype":"F32","shape":[7],"data_offsets":[192,220]},"#;
    let twice = error(r#""network.hidden.0.bias""#, &format!("{entry}\"network.hidden.0.bias\""));
    assert!(twice.contains("key `network.hidden.0.bias`: found twice"), "{twice}");
    let twice = error(r#""__metadata__":{"#, r#""__metadata__":{"pushforward":"","#);
    assert!(twice.contains("key `pushforward`: found twice"), "{twice}");
    let twice = error(r#"\"provenance\":{"#, r#"\"provenance\":{\"tool\":\"other\","#);
    assert!(twice.contains("key `tool`: found twice"), "{twice}");
    let unknown = error(r#""__metadata__":{"#, r#""__metadata__":{"format":"pt","#);
    assert_eq!(unknown, "metadata `format`: unknown key, expected `pushforward` alone");
    let unknown = error(r#"\"version\":2"#, r#"\"version\":2,\"colour\":1"#);
    assert_eq!(unknown, "metadata `pushforward`: `colour`: unknown key");
    let unknown = error(r#"\"shape\":[5]"#, r#"\"shape\":[5],\"colour\":1"#);
    assert!(unknown.contains("unknown field `colour`"), "{unknown}");
}

#[test]
fn bad_parameters_are_refused_by_tensor() {
    let mut model = small();
    let mut parameters = model.parameters();
    parameters[40] = f32::NAN;
    let error = model.set_parameters(&parameters).unwrap_err().to_string();
    assert!(error.starts_with("tensor `network.hidden.0.bias`: found NaN at element 5"), "{error}");
    let error = model.set_parameters(&[0.0]).unwrap_err().to_string();
    assert!(error.starts_with("parameters: found 1"), "{error}");
    let too_large = randomised(realnvp(2, 1, &[4], true), Arithmetic::Plain, 1e5);
    assert!(too_large.rounded_to_f16().unwrap_err().to_string().contains("inf"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_change_of_a_byte_is_found(at in 0usize..100_000, flip in 1u8..=255) {
        let model = small();
        let mut bytes = model.to_bytes().unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        // White space between the header's fields is the one thing that may change.
        if let Ok(read) = Model::from_bytes(&bytes) {
            prop_assert_eq!(read.parameters(), model.parameters());
            prop_assert_eq!(read.to_bytes().unwrap(), model.to_bytes().unwrap());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_truncation_is_an_error(keep in 0.0f64..1.0) {
        let bytes = small().to_bytes().unwrap();
        let keep = (bytes.len() as f64 * keep) as usize;
        prop_assert!(Model::from_bytes(&bytes[..keep]).is_err());
    }
}
