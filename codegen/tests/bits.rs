//! A compiled model and a loaded one are the same function, to the bit.

use std::error::Error;
use std::path::Path;

use pushforward::distribution::sample;
use pushforward::domain::Element;
use pushforward::model::{Model, Sampler};
use pushforward::noise::{SampleRng, Stream, block, normal};
use pushforward::simd::{Level, Scalar};
use rand::RngExt;

pushforward_codegen::model! {
    mod spins_fused = "tests/models/spins_fused.safetensors";
    mod spins_plain = "tests/models/spins_plain.safetensors", flash = "33K", scratch = "1K";
    mod spins_half = "tests/models/spins_fused.safetensors", weights = "f16";
    mod flow_fused = "tests/models/flow_fused.safetensors", link_section = ".rodata.weights";
    mod flow_half = "tests/models/flow_fused.safetensors", weights = "f16";
    mod flow_plain = env!("PUSHFORWARD_UNSET_IN_TESTS", "tests/models/flow_plain.safetensors");
    mod nsf_fused = "tests/models/nsf_fused.safetensors";
    mod nsf_half = "tests/models/nsf_fused.safetensors", weights = "f16";
    mod maf_plain = "tests/models/maf_plain.safetensors";
    mod maf_half = "tests/models/maf_plain.safetensors", weights = "f16";
    mod iaf_fused = "tests/models/iaf_fused.safetensors";
    mod categories_fused = "tests/models/categories_fused.safetensors";
    mod multilevel_fused = "tests/models/multilevel_fused.safetensors";
    mod multilevel_half = "tests/models/multilevel_fused.safetensors", weights = "f16";
    mod multilevel_plain = "tests/models/multilevel_plain.safetensors";
    mod convolution_fused = "tests/models/convolution_fused.safetensors";
    mod convolution_half = "tests/models/convolution_fused.safetensors", weights = "f16";
    mod convolution_plain = "tests/models/convolution_plain.safetensors";
    mod counts_fused = "tests/models/counts_fused.safetensors";
    mod counts_half = "tests/models/counts_fused.safetensors", weights = "f16";
    mod orbit_fused = "tests/models/orbit_fused.safetensors";
    mod orbit_half = "tests/models/orbit_fused.safetensors", weights = "f16";
    mod orbit_plain = "tests/models/orbit_plain.safetensors";
    mod counts_8 = "tests/models/counts_8.safetensors";
    mod increasing_plain = "tests/models/increasing_plain.safetensors";
    mod successors_fused = "tests/models/successors_fused.safetensors";
    mod table_fused = "tests/models/table_fused.safetensors";
    mod table_half = "tests/models/table_fused.safetensors", weights = "f16";
    mod clock_plain = "tests/models/clock_plain.safetensors";
    mod mixed_fused = "tests/models/mixed_fused.safetensors";
    mod multiscale_fused = "tests/models/multiscale_fused.safetensors";
    mod multiscale_half = "tests/models/multiscale_fused.safetensors", weights = "f16";
    mod spins_8 = "tests/models/spins_8.safetensors";
    mod spins_16 = "tests/models/spins_16.safetensors";
    mod nsf_8 = "tests/models/nsf_8.safetensors";
    mod flow_given_16 = "tests/models/flow_given_16.safetensors";
    mod spins_given_8 = "tests/models/spins_given_8.safetensors";
    mod maf_given_8 = "tests/models/maf_given_8.safetensors";
    mod linear_fused = "tests/models/linear_fused.safetensors";
    mod linear_half = "tests/models/linear_fused.safetensors", weights = "f16";
    mod boxed_fused = "tests/models/boxed_fused.safetensors";
    mod residual_fused = "tests/models/residual_fused.safetensors";
    mod spins_residual = "tests/models/spins_residual_plain.safetensors";
    mod mixture_fused = "tests/models/mixture_fused.safetensors";
    mod mixture_half = "tests/models/mixture_fused.safetensors", weights = "f16";
    mod circle_fused = "tests/models/circle_fused.safetensors";
    mod analytic_plain = "tests/models/analytic_plain.safetensors";
    mod scales_fused = "tests/models/scales_fused.safetensors";
    mod gaussianisation =
        "tests/models/gaussianisation_plain.safetensors", sampling = "none", flash = "64K";
    mod torus_fused = "tests/models/torus_fused.safetensors";
    mod bounded_plain = "tests/models/bounded_plain.safetensors";
    mod given_fused = "tests/models/given_fused.safetensors";
    mod given_half = "tests/models/given_fused.safetensors", weights = "f16";
    mod spins_given = "tests/models/spins_given_plain.safetensors";
    mod zuko_nsf = "tests/models/zuko_nsf.safetensors";
    mod zuko_sbi = "tests/models/zuko_sbi.safetensors";
    mod nflows_sbi_maf = "tests/models/nflows_sbi_maf.safetensors";
    mod nflows_sbi_nsf = "tests/models/nflows_sbi_nsf.safetensors";
    mod v1_spins_fused = "tests/models/v1/spins_fused.safetensors";
    mod v1_spins_plain = "tests/models/v1/spins_plain.safetensors";
    mod v1_flow_fused = "tests/models/v1/flow_fused.safetensors";
    mod v1_flow_plain = "tests/models/v1/flow_plain.safetensors";
    mod v1_nsf_fused = "tests/models/v1/nsf_fused.safetensors";
    mod v1_maf_plain = "tests/models/v1/maf_plain.safetensors";
    mod v1_iaf_fused = "tests/models/v1/iaf_fused.safetensors";
}

fn load(name: &str) -> Result<Model, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    Ok(Model::from_bytes(&std::fs::read(folder.join(name).with_extension("safetensors"))?)?)
}

fn bits(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| x.to_bits()).collect()
}

/// Rows of a loaded model and their log-probabilities.
fn loaded(sampler: &Sampler, seed: u64, first: u64, n: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut rows, mut log_prob) = (vec![0.0; n * sampler.dim()], vec![0.0; n]);
    sampler.sample(seed, first, &mut rows, Some(&mut log_prob));
    (rows, log_prob)
}

/// Values that no row of the model has.
trait Outside {
    /// One of them.
    fn outside(i: usize) -> Self;
}

impl Outside for i8 {
    fn outside(i: usize) -> i8 {
        [0, 2, -2, 127, -128][i % 5]
    }
}

impl Outside for u8 {
    fn outside(i: usize) -> u8 {
        [7, 8, 255][i % 3]
    }
}

impl Outside for f32 {
    fn outside(i: usize) -> f32 {
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][i % 3]
    }
}

/// A test for one module: single rows, batches, scores, golden rows and sizes.
macro_rules! compiled_equals_loaded {
    ($name:ident, $model:expr) => {
        #[test]
        fn $name() -> Result<(), Box<dyn Error>> {
            use $name as compiled;
            const N: usize = 67;
            let model: Model = $model;
            let sampler = model.sampler()?;
            let (rows, log_prob) = loaded(&sampler, 11, 5, N);
            let mut scores = vec![0.0; N];
            sampler.log_prob(&rows, &mut scores);

            let mut scratch = compiled::Scratch::new();
            let mut row = [compiled::Element::default(); compiled::DIM];
            for (i, expected) in rows.as_chunks::<{ compiled::DIM }>().0.iter().enumerate() {
                let index = 5 + i as u64;
                compiled::sample(11, index, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                let lp = compiled::sample_with_log_prob(11, index, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                assert_eq!(lp.to_bits(), log_prob[i].to_bits());
                assert_eq!(compiled::log_prob(&row, &mut scratch).to_bits(), scores[i].to_bits());
                let lp = compiled::sample_scored(11, index, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                assert_eq!(lp.to_bits(), scores[i].to_bits());

                // A generator of the user's, here one over the words of the same stream.
                let mut rng = SampleRng::new(11, index);
                let lp = compiled::sample_from(&mut rng, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                assert_eq!(lp.to_bits(), log_prob[i].to_bits());
                let row = SampleRng::new(11, index).sample(compiled::DISTRIBUTION);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
            }

            let mut many = [[compiled::Element::default(); compiled::DIM]; N];
            let (mut lp, mut score) = ([0.0; N], [0.0; N]);
            let mut scratch = vec![0.0; compiled::scratch_len(N)];
            compiled::sample_rows(11, 5, &mut many, &mut scratch)?;
            let flat: Vec<f32> = many.as_flattened().iter().map(|x| f32::from(*x)).collect();
            assert_eq!(bits(&flat), bits(&rows));
            compiled::sample_rows_with_log_prob(11, 5, &mut many, &mut lp, &mut scratch)?;
            assert_eq!(bits(&lp), bits(&log_prob));
            compiled::log_prob_rows(&many, &mut score, &mut scratch)?;
            assert_eq!(bits(&score), bits(&scores));
            assert!(compiled::log_prob_rows(&many, &mut score, &mut []).is_err());
            compiled::sample_rows_scored(11, 5, &mut many, &mut lp, &mut scratch)?;
            assert_eq!(bits(&lp), bits(&scores));

            // Every third row leaves the support, alone and in a batch; the others stay as they are.
            let mut expected = scores.clone();
            for (i, row) in many.iter_mut().enumerate().skip(1).step_by(3) {
                row[i % compiled::DIM] = compiled::Element::outside(i);
                expected[i] = f32::NEG_INFINITY;
                let mut scratch = compiled::Scratch::new();
                assert_eq!(compiled::log_prob(row, &mut scratch), f32::NEG_INFINITY);
            }
            compiled::log_prob_rows(&many, &mut score, &mut scratch)?;
            assert_eq!(bits(&score), bits(&expected));

            // Through the model itself rows may have either element type.
            let mut bytes = [7i8; compiled::DIM];
            let stream = &mut Stream::new(11);
            let level = Level::best();
            let drawn = sample(&compiled::MODEL, level, stream, 5, &mut bytes, None, &mut scratch);
            let expected = model.description().domain().element();
            if expected == Element::I8 {
                assert_eq!(bits(&bytes.map(f32::from)), bits(&rows[..compiled::DIM]));
            } else {
                let found = Element::I8;
                let error = pushforward::distribution::Error::Element { found, expected };
                assert_eq!(drawn, Err(error));
                assert_eq!(bytes, [7; compiled::DIM]);
            }

            let n = compiled::GOLDEN_LOG_PROB.len();
            let (rows, log_prob) = loaded(&sampler, compiled::GOLDEN_SEED, 0, n);
            assert_eq!(bits(compiled::GOLDEN_ROWS), bits(&rows));
            assert_eq!(bits(compiled::GOLDEN_LOG_PROB), bits(&log_prob));

            let description = model.description();
            assert_eq!(compiled::MULTIPLY_ADDS, description.multiply_adds());
            assert_eq!(compiled::SCRATCH_BYTES, 4 * description.scratch_len());
            let weights = compiled::WEIGHT_BYTES / description.packed_len();
            assert_eq!(weights, if stringify!($name).ends_with("half") { 2 } else { 4 });
            Ok(())
        }
    };
}

compiled_equals_loaded!(spins_fused, load("spins_fused")?);
compiled_equals_loaded!(spins_plain, load("spins_plain")?);
compiled_equals_loaded!(spins_8, load("spins_8")?);
compiled_equals_loaded!(spins_16, load("spins_16")?);
compiled_equals_loaded!(nsf_8, load("nsf_8")?);
compiled_equals_loaded!(spins_half, load("spins_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(flow_fused, load("flow_fused")?);
compiled_equals_loaded!(flow_half, load("flow_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(flow_plain, load("flow_plain")?);
compiled_equals_loaded!(nsf_fused, load("nsf_fused")?);
compiled_equals_loaded!(nsf_half, load("nsf_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(maf_plain, load("maf_plain")?);
compiled_equals_loaded!(maf_half, load("maf_plain")?.rounded_to_f16()?);
compiled_equals_loaded!(iaf_fused, load("iaf_fused")?);
compiled_equals_loaded!(categories_fused, load("categories_fused")?);
compiled_equals_loaded!(multilevel_fused, load("multilevel_fused")?);
compiled_equals_loaded!(multilevel_half, load("multilevel_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(multilevel_plain, load("multilevel_plain")?);
compiled_equals_loaded!(convolution_fused, load("convolution_fused")?);
compiled_equals_loaded!(convolution_half, load("convolution_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(convolution_plain, load("convolution_plain")?);
compiled_equals_loaded!(counts_fused, load("counts_fused")?);
compiled_equals_loaded!(counts_half, load("counts_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(orbit_fused, load("orbit_fused")?);
compiled_equals_loaded!(orbit_half, load("orbit_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(orbit_plain, load("orbit_plain")?);
compiled_equals_loaded!(counts_8, load("counts_8")?);
compiled_equals_loaded!(increasing_plain, load("increasing_plain")?);
compiled_equals_loaded!(successors_fused, load("successors_fused")?);
compiled_equals_loaded!(linear_fused, load("linear_fused")?);
compiled_equals_loaded!(linear_half, load("linear_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(boxed_fused, load("boxed_fused")?);
compiled_equals_loaded!(residual_fused, load("residual_fused")?);
compiled_equals_loaded!(spins_residual, load("spins_residual_plain")?);
compiled_equals_loaded!(mixture_fused, load("mixture_fused")?);
compiled_equals_loaded!(mixture_half, load("mixture_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(circle_fused, load("circle_fused")?);
compiled_equals_loaded!(scales_fused, load("scales_fused")?);
compiled_equals_loaded!(torus_fused, load("torus_fused")?);
compiled_equals_loaded!(bounded_plain, load("bounded_plain")?);
compiled_equals_loaded!(clock_plain, load("clock_plain")?);
compiled_equals_loaded!(mixed_fused, load("mixed_fused")?);
compiled_equals_loaded!(multiscale_fused, load("multiscale_fused")?);
compiled_equals_loaded!(multiscale_half, load("multiscale_fused")?.rounded_to_f16()?);
compiled_equals_loaded!(analytic_plain, load("analytic_plain")?);

/// Of a model that is inverted in steps, what scores is compiled, and has the bits of the loaded one.
#[test]
fn gaussianisation() -> Result<(), Box<dyn Error>> {
    use gaussianisation as compiled;
    const N: usize = 67;
    let model = load("gaussianisation_plain")?;
    let (rows, _) = loaded(&model.sampler()?, 11, 5, N);
    let mut scores = vec![0.0; N];
    model.sampler()?.log_prob(&rows, &mut scores);
    let rows = rows.as_chunks::<{ compiled::DIM }>().0;
    let mut scratch = compiled::Scratch::new();
    for (row, score) in rows.iter().zip(&scores) {
        assert_eq!(compiled::log_prob(row, &mut scratch).to_bits(), score.to_bits());
    }
    let (mut score, mut scratch) = ([0.0; N], vec![0.0; compiled::scratch_len(N)]);
    compiled::log_prob_rows(rows, &mut score, &mut scratch)?;
    assert_eq!(bits(&score), bits(&scores));

    let mut golden = vec![0.0; compiled::GOLDEN_LOG_PROB.len()];
    model.sampler()?.log_prob(compiled::GOLDEN_ROWS, &mut golden);
    assert_eq!(bits(compiled::GOLDEN_LOG_PROB), bits(&golden));
    Ok(())
}

/// A test for a module that takes a context: of one row, one for many rows, one for each.
macro_rules! conditional_equals_loaded {
    ($name:ident, $model:expr) => {
        #[test]
        fn $name() -> Result<(), Box<dyn Error>> {
            use $name as compiled;
            const N: usize = 67;
            const C: usize = compiled::CONTEXT;
            let model: Model = $model;
            let sampler = model.sampler()?;
            let word = |i: usize| block([5, 5], [i as u32, 0])[0];
            let contexts: Vec<f32> = (0..N * C).map(|i| normal(Scalar, word(i))).collect();
            let given = sampler.given(&contexts);
            let (mut rows, mut log_prob) = (vec![0.0f32; N * compiled::DIM], vec![0.0; N]);
            given.sample(11, 5, &mut rows, Some(&mut log_prob));
            let mut scores = vec![0.0; N];
            given.log_prob(&rows, &mut scores);

            let mut scratch = compiled::Scratch::new();
            let mut row = [compiled::Element::default(); compiled::DIM];
            for (i, expected) in rows.as_chunks::<{ compiled::DIM }>().0.iter().enumerate() {
                let index = 5 + i as u64;
                let context = &contexts.as_chunks::<C>().0[i];
                compiled::sample(11, index, context, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                let lp = compiled::sample_with_log_prob(11, index, context, &mut row, &mut scratch);
                assert_eq!(lp.to_bits(), log_prob[i].to_bits());
                let lp = compiled::log_prob(context, &row, &mut scratch);
                assert_eq!(lp.to_bits(), scores[i].to_bits());
                let lp = compiled::sample_scored(11, index, context, &mut row, &mut scratch);
                assert_eq!(lp.to_bits(), scores[i].to_bits());
                let mut rng = SampleRng::new(11, index);
                let lp = compiled::sample_from(&mut rng, context, &mut row, &mut scratch);
                assert_eq!(bits(&row.map(f32::from)), bits(expected));
                assert_eq!(lp.to_bits(), log_prob[i].to_bits());
            }

            let mut many = [[compiled::Element::default(); compiled::DIM]; N];
            let (mut lp, mut score) = ([0.0; N], [0.0; N]);
            let mut scratch = vec![0.0; compiled::scratch_len(N)];
            compiled::sample_rows_with_log_prob(
                11,
                5,
                &contexts,
                &mut many,
                &mut lp,
                &mut scratch,
            )?;
            let flat: Vec<f32> = many.as_flattened().iter().map(|x| f32::from(*x)).collect();
            assert_eq!((bits(&flat), bits(&lp)), (bits(&rows), bits(&log_prob)));
            compiled::log_prob_rows(&contexts, &many, &mut score, &mut scratch)?;
            assert_eq!(bits(&score), bits(&scores));
            let one = &contexts[..C];
            compiled::sample_rows(11, 5, one, &mut many, &mut scratch)?;
            sampler.given(one).sample(11, 5, &mut rows, None);
            let flat: Vec<f32> = many.as_flattened().iter().map(|x| f32::from(*x)).collect();
            assert_eq!(bits(&flat), bits(&rows));
            assert!(compiled::sample_rows(11, 5, &[], &mut many, &mut scratch).is_err());

            let n = compiled::GOLDEN_LOG_PROB.len();
            let (mut rows, mut log_prob) = (vec![0.0f32; n * compiled::DIM], vec![0.0; n]);
            let given = sampler.given(compiled::GOLDEN_CONTEXT);
            given.sample(compiled::GOLDEN_SEED, 0, &mut rows, Some(&mut log_prob));
            assert_eq!(bits(compiled::GOLDEN_ROWS), bits(&rows));
            assert_eq!(bits(compiled::GOLDEN_LOG_PROB), bits(&log_prob));
            assert_eq!(compiled::SCRATCH_BYTES, 4 * model.description().scratch_len());
            assert_eq!(compiled::MULTIPLY_ADDS, model.description().multiply_adds());
            Ok(())
        }
    };
}

conditional_equals_loaded!(given_fused, load("given_fused")?);
conditional_equals_loaded!(given_half, load("given_fused")?.rounded_to_f16()?);
conditional_equals_loaded!(spins_given, load("spins_given_plain")?);
conditional_equals_loaded!(flow_given_16, load("flow_given_16")?);
conditional_equals_loaded!(spins_given_8, load("spins_given_8")?);
conditional_equals_loaded!(maf_given_8, load("maf_given_8")?);
// Imported: a spline flow of zuko, and posteriors of sbi.
conditional_equals_loaded!(zuko_nsf, load("zuko_nsf")?);
conditional_equals_loaded!(zuko_sbi, load("zuko_sbi")?);
conditional_equals_loaded!(nflows_sbi_maf, load("nflows_sbi_maf")?);
conditional_equals_loaded!(table_fused, load("table_fused")?);
conditional_equals_loaded!(table_half, load("table_fused")?.rounded_to_f16()?);
conditional_equals_loaded!(nflows_sbi_nsf, load("nflows_sbi_nsf")?);

// Files of format version 1 stay what they were: the same functions, compiled and loaded.
compiled_equals_loaded!(v1_spins_fused, load("v1/spins_fused")?);
compiled_equals_loaded!(v1_spins_plain, load("v1/spins_plain")?);
compiled_equals_loaded!(v1_flow_fused, load("v1/flow_fused")?);
compiled_equals_loaded!(v1_flow_plain, load("v1/flow_plain")?);
compiled_equals_loaded!(v1_nsf_fused, load("v1/nsf_fused")?);
compiled_equals_loaded!(v1_maf_plain, load("v1/maf_plain")?);
compiled_equals_loaded!(v1_iaf_fused, load("v1/iaf_fused")?);

#[test]
fn files_of_version_1_are_the_models_that_they_were() -> Result<(), Box<dyn Error>> {
    let names = [
        "spins_fused",
        "spins_plain",
        "flow_fused",
        "flow_plain",
        "nsf_fused",
        "maf_plain",
        "iaf_fused",
    ];
    for name in names {
        let (old, new) = (load(&format!("v1/{name}"))?, load(name)?);
        assert!(old == new, "{name}: description, weights and golden rows");
        for level in Level::available() {
            let golden = old.golden().ok_or("no golden rows")?;
            let sampler = old.sampler()?.with_level(level);
            let (rows, log_prob) = loaded(&sampler, golden.seed, 0, golden.log_prob.len());
            assert_eq!(bits(&rows), bits(&golden.rows), "{name} {level:?}");
            assert_eq!(bits(&log_prob), bits(&golden.log_prob), "{name} {level:?}");
        }
        assert_eq!(old.to_bytes()?, new.to_bytes()?, "{name}: written in the new format");
    }
    Ok(())
}
