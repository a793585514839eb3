//! Models of other libraries, from files that `import/make_*.py` made with the real ones: flows of random
//! weights, their rows and log-densities.

use std::path::{Path, PathBuf};

use pushforward_host::import::{self, CLOSE, Imported, Library, SAME, SourceRows};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// What an import makes of a file, or says of it.
fn read(library: Library, state: &Path, settings: &Path) -> Result<Imported, String> {
    import::read(library, state, settings).map_err(|e| e.to_string())
}

/// The library that a file's name begins with.
fn library(name: &str) -> (Library, &'static str) {
    let all = [
        ("zuko", Library::Zuko, "zuko 1.6.0"),
        ("nflows", Library::Nflows, "nflows 0.14"),
        ("normflows", Library::Normflows, "normflows 1.7.3"),
        ("van", Library::Van, "van 2019"),
    ];
    let (_, library, full_name) = all.into_iter().find(|(own, ..)| name.starts_with(own)).unwrap();
    (library, full_name)
}

#[test]
fn log_densities_are_the_sources() {
    let (mut seen, mut ill_conditioned) = (0, Vec::new());
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for settings in files.iter().filter(|path| path.extension().is_some_and(|e| e == "toml")) {
        let name = settings.file_stem().unwrap().to_string_lossy();
        let (library, full_name) = library(&name);
        let state = settings.with_extension("safetensors");
        let imported = read(library, &state, settings).unwrap_or_else(|e| panic!("{e}"));
        let in_f64 = imported.difference;
        assert!(in_f64 < SAME, "{name}: {in_f64:e} in f64");
        let model = imported.model().unwrap();
        let in_f32 = imported.source.difference_of(&model).unwrap();
        let (allowed, own) = (imported.source.allowed(), imported.source.single());
        assert!(in_f32 <= allowed, "{name}: {in_f32:e} in f32, the source's own {own:e}");
        if in_f32 > CLOSE {
            ill_conditioned.push(name.into_owned());
        }
        // The file keeps the rows.
        let again = pushforward::model::Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        let (source, kept) = SourceRows::of(&again).unwrap();
        assert_eq!(source, full_name);
        assert_eq!(kept, imported.source);
        seen += 1;
    }
    assert_eq!(seen, 58);
    // Its random weights are such that the source's own f32 is off by more than that.
    assert_eq!(ill_conditioned, ["normflows_autoregressive"]);
}

/// A copy of an exported flow with its tensors and its settings changed.
fn changed(
    name: &str,
    tensors: impl Fn(&str, &[u8]) -> Option<(String, Vec<u8>)>,
    settings: impl Fn(String) -> String,
) -> Result<Imported, String> {
    reshaped(name, tensors, |_, shape| shape.to_vec(), settings)
}

/// The same with other shapes too.
fn reshaped(
    name: &str,
    tensors: impl Fn(&str, &[u8]) -> Option<(String, Vec<u8>)>,
    shapes: impl Fn(&str, &[usize]) -> Vec<usize>,
    settings: impl Fn(String) -> String,
) -> Result<Imported, String> {
    let place = tempfile::tempdir().unwrap();
    let [state, toml] = ["flow.safetensors", "flow.toml"].map(|file| place.path().join(file));
    let from = folder().join(name);
    let bytes = std::fs::read(from.with_extension("safetensors")).unwrap();
    let read_in = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in read_in.tensors() {
        if let Some((name, data)) = tensors(&name, view.data()) {
            let shape = shapes(&name, view.shape());
            all.push((name, view.dtype(), shape, data));
        }
    }
    let views = all.iter().map(|(name, dtype, shape, data)| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    std::fs::write(&state, serialize(views, None).unwrap()).unwrap();
    let text = std::fs::read_to_string(from.with_extension("toml")).unwrap();
    std::fs::write(&toml, settings(text)).unwrap();
    read(library(name).0, &state, &toml)
        .map_err(|e| e.replace(&place.path().display().to_string(), "…"))
}

fn same(name: &str, data: &[u8]) -> Option<(String, Vec<u8>)> {
    Some((name.into(), data.into()))
}

#[test]
fn what_is_not_as_it_was_exported_is_named() {
    let renamed = |from: &'static str, to: &'static str| {
        move |name: &str, data: &[u8]| Some((name.replace(from, to), data.to_vec()))
    };
    let without = |gone: &'static str| {
        move |name: &str, data: &[u8]| (name != gone).then(|| (name.into(), data.to_vec()))
    };
    let text = |from: &'static str, to: &'static str| move |text: String| text.replace(from, to);
    let kept = |text: String| text;
    let (first, gone) = ("transform.transforms.0.hyper.0.bias", "pushforward.rows");
    let cases: Vec<(Result<Imported, String>, &[&str])> = vec![
        (
            changed("zuko_nsf", renamed(first, "transform.transforms.0.hyper.0.offset"), kept),
            &["no tensor `transform.transforms.0.hyper.0.bias`", "mask, offset, weight"],
        ),
        (changed("zuko_nsf", without(gone), kept), &["no `pushforward.rows`", "exporter"]),
        (
            changed("zuko_maf", renamed("base.loc", "base.location"), kept),
            &["no `base.loc` and `base.scale`"],
        ),
        (
            changed("zuko_maf", renamed("transforms.2.order", "transforms.2.extra"), kept),
            &["`transform.transforms.2.extra`", "belongs to nothing"],
        ),
        // Of another version: with another least slope.
        (
            changed("zuko_maf", same, text("slope = 0.001", "slope = 0.0001")),
            &["not reproduced", "in f64"],
        ),
        (
            changed("zuko_nsf", same, text("slope = 0.001", "")),
            &["no `slope`", "0.0001 between", "does not record it"],
        ),
        (changed("zuko_nsf", same, text("bound = 5.0", "")), &["no `bound`"]),
        (changed("van_made", same, text("z2 = false", "")), &["no `z2` in [sites]"]),
        (changed("van_made", same, text("z2 = false", "z2 = true")), &["`x_hat_mask`"]),
        (
            changed("van_made", renamed("net.1.1.", "net.1.block.0."), kept),
            &["`net.1.block`", "res_block"],
        ),
        (
            changed("van_made", renamed("net.0.mask", "net.1.mask"), kept),
            &["no tensor `net.0.mask`"],
        ),
        (
            reshaped(
                "van_made_direct",
                same,
                |name, shape| if name == "net.0.weight" { vec![4, 4, 4, 4] } else { shape.into() },
                kept,
            ),
            &["`net.0.weight`: found shape [4, 4, 4, 4]", "[channels, 1, k, k]"],
        ),
        (changed("zuko_nsf", same, text("activation = \"Tanh\"", "")), &["no `activation`"]),
        (
            changed("zuko_nsf", same, text("\"Tanh\"", "\"Mish\"")),
            &["transforms.0.activation", "\"Mish\"", "ReLU, Tanh"],
        ),
        (
            changed("zuko_nsf", same, text("MonotonicRQSTransform", "BernsteinTransform")),
            &["transforms.0.univariate", "BernsteinTransform"],
        ),
        (
            changed("zuko_nsf", same, text("MonotonicRQSTransform", "MonotonicAffineTransform")),
            &["found 17 parameters a coordinate, expected 2"],
        ),
        (
            changed("zuko_nsf", same, text("features = 4", "features = 3")),
            &["`pushforward.rows`: found shape [16, 4], expected [16, 3]"],
        ),
        (
            changed("zuko_nsf", same, text("context = 2", "context = 3")),
            &["`pushforward.context`: found shape [16, 2], expected [16, 3]"],
        ),
        (
            changed("zuko_nsf", same, text("\"zuko\"", "\"nflows\"")),
            &["library: found \"nflows\", expected \"zuko\""],
        ),
        (
            changed("nflows_spline", same, text("bound = 3.0", "bound = 2.5")),
            &["not reproduced", "in f64"],
        ),
        (
            changed("nflows_spline", same, text("hidden_features = 10", "")),
            &["not reproduced", "in f64"],
        ),
        (
            changed("nflows_spline", same, text("\"linear\"", "\"none\"")),
            &["transforms.0.tails", "\"none\"", "unit interval"],
        ),
        (
            changed("nflows_affine", same, text("scale = \"sigmoid\"", "")),
            &["no `scale`", "does not record it"],
        ),
        (
            changed("nflows_linear", same, text("\"LULinear\"", "\"QRLinear\"")),
            &["transforms.1.kind", "QRLinear", "LULinear"],
        ),
        (
            changed("nflows_scales", same, text("range = [7, 9]", "range = [7, 10]")),
            &["transforms.7.range: found \"[7, 10]\"", "first < end ≤ 9"],
        ),
        // Another part has the same sizes.
        (
            changed("nflows_scales", same, text("range = [7, 9]", "range = [5, 7]")),
            &["not reproduced", "in f64"],
        ),
        (
            changed("nflows_images", same, text("shape = [4, 4, 4]", "shape = [4, 4, 2]")),
            &["transforms.2.shape: found \"[4, 4, 2]\"", "[channels, height, width] of 64"],
        ),
        (
            changed("nflows_images", same, text("shape = [1, 8, 8]", "")),
            &["no `shape` in [transform] or in [[transforms]] 1", "does not record it"],
        ),
        (
            reshaped(
                "nflows_images",
                same,
                |name, shape| match name
                    .ends_with("0._transforms.3.transform_net.initial_layer.weight")
                {
                    true => [shape, &[1, 1]].concat(),
                    false => shape.to_vec(),
                },
                kept,
            ),
            &[
                "transform_net.initial_layer.weight`: found shape [10, 32, 1, 1]",
                "a convolution has no",
            ],
        ),
        (changed("nflows_images", same, text("factor = 2", "")), &["no `factor`"]),
        (
            changed("nflows_images", same, text("factor = 2", "factor = 3")),
            &["transforms.1.factor: found \"3\", expected 2 or more, by which 8 rows and 8"],
        ),
        (
            changed("nflows_images", same, text("shape = [8, 2, 2]", "shape = [4, 4, 2]")),
            &["log_scale`: found shape [8], expected [4]"],
        ),
        (
            changed(
                "nflows_spline",
                |name, data| {
                    // The second of three takes the place of the first.
                    let mut data = data.to_vec();
                    if name.ends_with("0.transform_features") {
                        data.copy_within(8..16, 0);
                    }
                    Some((name.into(), data))
                },
                kept,
            ),
            &["found [1, 3] as identity_features and [2, 2, 4]", "each of 5 coordinates once"],
        ),
        (
            changed("normflows_affine", same, text("\"sigmoid_inv\"", "\"softplus\"")),
            &["transforms.5.scale", "\"softplus\"", "sigmoid_inv"],
        ),
        (
            changed("normflows_coupled", same, text("\"linear\"", "\"circular\"")),
            &["transforms.0.tails", "\"circular\""],
        ),
        (
            changed("normflows_circular", same, text("[0, 1, 2]", "[0, 1]")),
            &["preprocessing.ind`: found [0, 1], expected [0], as `circular` says"],
        ),
        (changed("normflows_circular", same, text("3.141592653589793", "3.0")), &["bound"]),
        (
            changed("zuko_maf_residual", same, text("\"ReLU\"", "\"Tanh\"")),
            &["activation", "\"ReLU\" in a residual network"],
        ),
        (
            changed("normflows_masked", renamed("q0.loc", "q0.mean"), kept),
            &["no `q0.loc` and `q0.log_scale`"],
        ),
        (
            changed("nflows_maf", renamed("blocks.0.linear_layers.0", "blocks.0.dense"), kept),
            &[
                "no tensor `_transform._transforms.0.autoregressive_net.blocks.0.linear_layers.0.weight`",
            ],
        ),
        (
            changed("zuko_sbi", same, text("\"Standardize\"", "\"LayerNorm\"")),
            &["embedding.0.kind", "LayerNorm", "Standardize"],
        ),
        (
            changed(
                "zuko_maf_graph",
                |name, data| {
                    let all = name.ends_with(".mask");
                    Some((name.into(), if all { vec![1; data.len()] } else { data.into() }))
                },
                kept,
            ),
            &["`transform.transforms.0.hyper`", "depend"],
        ),
        (
            changed(
                "zuko_maf",
                |name, data| {
                    let mut data = data.to_vec();
                    if name.ends_with("hyper.2.weight") {
                        data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
                    }
                    Some((name.into(), data))
                },
                kept,
            ),
            &["hyper.2.weight`: number 0 is NaN"],
        ),
    ];
    for (k, (result, expected)) in cases.into_iter().enumerate() {
        let message = result.err().unwrap_or_else(|| panic!("case {k}, {expected:?}: imported"));
        for part in expected {
            assert!(message.contains(part), "case {k}: `{part}` is not in: {message}");
        }
    }
}

#[test]
fn settings_by_hand_may_say_once_what_all_transforms_share() {
    let by_hand = |text: String| {
        let head = text.split("\n\n").next().unwrap().to_string();
        let of_all = "univariate = \"MonotonicRQSTransform\"\nbound = 5.0\nslope = 0.001";
        format!("{head}\n\n[transform]\n{of_all}\nactivation = \"Tanh\"\n")
    };
    let imported = changed("zuko_nsf", same, by_hand).unwrap();
    assert!(imported.difference < SAME);
}
