//! The model file: what is written is read back, and damage is an error with a name.

mod common;

use common::{ARITHMETICS, architectures, made, randomised, realnvp};
use proptest::prelude::*;
use pushforward::model::{Arithmetic, Model, ModelError, Symmetry};

fn small() -> Model {
    let mut model = randomised(made(5, &[7], true, Symmetry::Z2), Arithmetic::Fused, 0.3);
    model.provenance.insert("tool".into(), "test".into());
    model
}

#[test]
fn every_model_survives_the_file() {
    for (name, architecture) in architectures() {
        for arithmetic in ARITHMETICS {
            let model = randomised(architecture.clone(), arithmetic, 0.3);
            let bytes = model.to_bytes().unwrap();
            let read = Model::from_bytes(&bytes).unwrap();
            assert_eq!(read.parameters(), model.parameters(), "{name}");
            assert_eq!(read.architecture(), model.architecture(), "{name}");
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

    let version = error("\\\"version\\\":1", "\\\"version\\\":9");
    assert_eq!(version, ModelError::Version { found: 9, newest: 1 });
    assert!(error("\\\"version\\\":1", "\\\"version\\\":-1").to_string().contains("`version`"));
    assert!(
        error("\\\"kind\\\":\\\"made\\\"", "\\\"kind\\\":\\\"gpt\\\"").to_string().contains("gpt")
    );
    assert_eq!(error("\"pushforward\":", "\"somebodyelse\":"), ModelError::NotAModel);
    assert!(matches!(
        error("\\\"tool\\\":\\\"test\\\"", "\\\"tool\\\":\\\"tset\\\""),
        ModelError::Hash { .. }
    ));
    let missing = error("\"hidden.0.bias\"", "\"hidden.9.bias\"");
    assert!(missing.to_string().starts_with("tensor `hidden.0.bias`: missing"), "{missing}");
    let shape = error("\\\"hidden\\\":[7]", "\\\"hidden\\\":[8]");
    assert!(shape.to_string().contains("found shape [7, 5], expected [8, 5]"), "{shape}");
    let huge = error("\\\"sites\\\":5", "\\\"sites\\\":5000000000");
    assert!(huge.to_string().contains("`sites`"), "{huge}");
    assert!(matches!(Model::from_bytes(b"").unwrap_err(), ModelError::Container(_)));
}

#[test]
fn bad_parameters_are_refused_by_tensor() {
    let mut model = small();
    let mut parameters = model.parameters();
    parameters[40] = f32::NAN;
    let error = model.set_parameters(&parameters).unwrap_err().to_string();
    assert!(error.starts_with("tensor `hidden.0.bias`: found NaN at element 5"), "{error}");
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
