use pushforward::base::{MixtureSpec, NormalSpec, VonMisesSpec};
use pushforward::conditional::Categories;
use pushforward::constraint::CountsSpec;
use pushforward::layer::{CouplingSpec, PartialSpec, PermuteSpec};
use pushforward::model::{
    Description, LayerSpec, PlainLayerSpec, SitesNetworkSpec, Symmetry, preset,
};
use pushforward::network::{HeatBathSpec, MlpSpec};
use pushforward::univariate::AffineSpec;

use super::*;

const ISING: &str = "[model]\nkind = 'made'\nhidden = 64\n[target]\nhamiltonian = 'ising2d'\nsize = 4\nbeta = 0.4\n";

fn parse(text: &str, overrides: &[&str]) -> Result<Config> {
    let overrides: Vec<_> = overrides.iter().map(|s| s.to_string()).collect();
    Config::parse(text, Path::new("runs/x.toml"), &overrides)
}

#[test]
fn overrides_reach_their_table() {
    let config =
        parse(ISING, &["steps=7", "train.learning_rate=0.5", "model.symmetry=z2", "size = 6"])
            .unwrap();
    assert_eq!((config.train.steps, config.train.learning_rate), (7, 0.5));
    assert_eq!(
        config.model.family,
        Family::Made {
            hidden: Some(vec![64]),
            z2: Some(true),
            pairwise: true,
            categories: None,
            constraint: None,
        }
    );
    let TargetConfig::Hamiltonian(target) = &config.target else { panic!() };
    assert_eq!(target.energy().unwrap().shape(), [6, 6]);
}

#[test]
fn data_paths_are_relative_to_the_config_and_not_recorded() {
    let text = "[model]\nkind = 'realnvp'\n[target]\ndata = '../secret/x.csv'\n";
    let config = parse(text, &[]).unwrap();
    let TargetConfig::Data { path, .. } = &config.target else { panic!() };
    assert_eq!(path, Path::new("runs/../secret/x.csv"));
    let text = config.record(&flow());
    assert!(text.contains("x.csv") && !text.contains("secret"));
}

/// Any model that takes no sizes from its target.
fn flow() -> Description {
    let map = AffineSpec { log_scale_bound: 3.0 };
    preset::flow(&[2], [preset::autoregressive(vec![0, 1], Direction::Density, &[4], map)], true)
}

#[test]
fn bases_have_a_name_or_are_spelled_out() {
    let of = |text: &str| base(&format!("base = {text}").parse::<toml::Table>().unwrap()["base"]);
    assert_eq!(of("'normal'"), Ok(NormalSpec {}.into()));
    let mixture = of("{ kind = 'mixture', components = 5 }");
    assert_eq!(mixture, Ok(MixtureSpec { components: 5 }.into()));
    let von_mises = of("{ kind = 'von_mises', concentration = 2 }");
    assert_eq!(von_mises, Ok(VonMisesSpec { concentration: 2.0 }.into()));
    assert!(of("'mixture'").unwrap_err().contains("components"));
}

#[test]
fn only_smaller_lattices_come_first() {
    let text = "[model]\nkind = 'multilevel'\n[target]\nhamiltonian = 'ising2d'\nsize = 8\nbeta = 0.4\n\
                [train]\nsteps = 30\ngrow = [[2, 10], [4, 20], [8, 30], [16, 40]]\n";
    let sides = |settings: &[&str]| -> Vec<(usize, u64)> {
        let smaller = parse(text, settings).unwrap().smaller();
        smaller.into_iter().map(|(side, config)| (side, config.train.steps)).collect()
    };
    assert_eq!(sides(&[]), [(2, 10), (4, 20)]);
    assert_eq!(sides(&["size=16"]), [(2, 10), (4, 20), (8, 30)]);
    assert_eq!(sides(&["size=2"]), []);
}

/// What the configs of lattices below describe.
fn lattice() -> Description {
    let heat_bath = HeatBathSpec { couplings: vec![0.8], field: vec![0.0] };
    preset::multilevel(4, 32, AnyActivation::Smoothstep, Some(heat_bath))
}

fn colours() -> Description {
    let mut description = lattice();
    let Description::Sites(spec) = &mut description else { panic!() };
    let SitesNetworkSpec::Multilevel(network) = &mut spec.network else { panic!() };
    (network.biased, network.heat_bath) = (true, None);
    spec.conditional = CategoricalSpec { categories: Categories::All(3) }.into();
    description
}

#[test]
fn the_record_holds_every_key_in_force_and_trains_the_same() {
    let made = |hidden: Vec<usize>, symmetry| preset::made(&[4, 4], &hidden, true, symmetry);
    let target = "[target]\nhamiltonian = 'ising2d'\nsize = 4\nbeta = 0.4\n";
    let data = "[target]\ndata = 'x.csv'\n";
    let phi4 = "[target]\nhamiltonian = 'phi4'\nsize = 4\nm2 = 1\nlambda = 2\n";
    for (text, description, absent) in [
        (format!("[model]\nkind = 'made'\n{target}"), made(vec![64], Symmetry::Z2), "patience"),
        (
            format!("[model]\nkind = 'made'\n{data}shape = [4, 4]"),
            made(vec![], Symmetry::None),
            "anneal",
        ),
        (
            format!("[model]\nkind = 'made'\ndomain = 'category'\ncategories = [3, 2]\n{data}"),
            made(vec![], Symmetry::None),
            "anneal",
        ),
        (
            format!(
                "[model]\nkind = 'multilevel'\nlevels = 2\n{target}[train]\ngrow = [[2, 10]]\n"
            ),
            lattice(),
            "patience",
        ),
        (
            format!("[model]\nkind = 'made'\ngroup = {{ translations = true, values = 'reversal' }}\n{target}"),
            made(vec![64], Symmetry::Z2),
            "patience",
        ),
        (
            "[model]\nkind = 'multilevel'\nlevels = 2\nheat_bath = false\n[target]\nhamiltonian = 'potts'\nsize \
             = 4\nstates = 3\nbeta = 1.0\n"
                .into(),
            colours(),
            "patience",
        ),
        (
            "[model]\nkind = 'multilevel'\nlevels = 2\nheat_bath = false\n[target]\nhamiltonian = \
             'lattice_gas'\nsize = 4\nbeta = 1.0\nchemical_potential = -0.3\n"
                .into(),
            colours(),
            "patience",
        ),
        (
            "[model]\nkind = 'made'\n[target]\nhamiltonian = 'fermions'\nparticles = 3\ncutoff = 4\ntwist = \
             [0.25, 0.1]\nbeta = 1.5\n"
                .into(),
            made(vec![20], Symmetry::None),
            "patience",
        ),
        (
            format!(
                "[model]\nkind = 'made'\nconstraint = {{ kind = 'successors', first = [1], next = [[0, 1], [0]] }}\n{data}"
            ),
            made(vec![], Symmetry::None),
            "anneal",
        ),
        (
            "[model]\nkind = 'made'\n[target]\nhamiltonian = 'edwards_anderson'\nsize = 4\nbeta = 1.0\n"
                .into(),
            made(vec![64], Symmetry::Z2),
            "patience",
        ),
        (
            "[model]\nkind = 'made'\n[target]\nhamiltonian = 'sherrington_kirkpatrick'\nsites = 16\nbeta = \
             1.0\ndisorder = 'bimodal'\ndisorder_seed = 7\n"
                .into(),
            made(vec![64], Symmetry::Z2),
            "patience",
        ),
        (format!("[model]\nkind = 'realnvp'\nlog_scale_bound = 0.1\n{phi4}"), flow(), "patience"),
        (format!("[model]\nkind = 'nsf'\nmask = 'halves'\n{data}"), flow(), "anneal"),
        (format!("[model]\nkind = 'nsf'\nhidden = [8, 8, 8]\n{UNITS}{data}"), flow(), "anneal"),
        (format!("[model]\nkind = 'nsf'\nmode = 'autoregressive'\n{data}"), flow(), "anneal"),
        (
            format!(
                "[model]\nkind = 'nsf'\n{data}bounds = {{ price = 'positive', 3 = [-inf, 2.5] }}\nsimplex = {{ \
                 parts = ['a', 5], total = 100 }}\n"
            ),
            flow(),
            "anneal",
        ),
        (
            format!("[model]\nkind = 'maf'\n{data}[train]\nsteps = 9\nweight_decay = 0.1"),
            flow(),
            "anneal",
        ),
        ("[model]\nkind = 'maf'\n[target]\nhamiltonian = 'ring2d'\n".into(), flow(), "patience"),
        (
            format!(
                "[model]\nkind = 'maf'\nembedding = {{ outputs = 3, hidden = [7] }}\n{data}\
                 context = ['t', 2]\n"
            ),
            flow(),
            "anneal",
        ),
        (
            format!(
                "[model]\nkind = 'table'\ncomponents = 5\n{data}integers = ['n', 2]\ncircles = {{ phase = [0, \
                 24] }}\ncolumns = ['phase', 'n', 2]\n"
            ),
            flow(),
            "anneal",
        ),
        (
            format!("[model]\nkind = 'flow'\n[[model.layers]]\nkind = 'permute'\n{data}"),
            flow(),
            "anneal",
        ),
    ] {
        let config = parse(&text, &[]).unwrap().settled(None);
        let record = config.record(&description);
        let again = parse(&record, &[]).unwrap_or_else(|e| panic!("{e}:\n{record}"));
        assert_eq!(again.record(&description), record);
        let kind = again.model.family.clone();
        if let Family::Made { hidden, z2, categories, constraint, .. } = kind {
            let Family::Made { categories: expected, constraint: within, .. } = &config.model.family
            else {
                panic!()
            };
            assert_eq!((categories, constraint), (expected.clone(), within.clone()));
            let Description::Sites(spec) = &description else { panic!() };
            let SitesNetworkSpec::Masked(network) = &spec.network else { panic!() };
            assert_eq!(
                (hidden, z2),
                (Some(network.hidden.clone()), Some(spec.symmetry == Symmetry::Z2))
            );
        } else if let Family::Multilevel { levels, heat_bath, z2, .. } = kind {
            let Description::Sites(spec) = &description else { panic!() };
            let SitesNetworkSpec::Multilevel(network) = &spec.network else { panic!() };
            let expected = [network.heat_bath.is_some(), !network.biased].map(Some);
            assert_eq!((levels, [heat_bath, z2]), (Some(network.levels), expected));
        } else if !matches!(kind, Family::Layers { .. }) {
            // Layers are written with all that they left out.
            assert_eq!(again.model, config.model, "{record}");
        }
        assert_eq!(again.model.group, config.model.group, "{record}");
        assert_eq!(again.target, config.target, "{record}");
        assert_eq!(again.train, config.train, "{record}");
        // Every key that this kind of config takes stands in it, but for those of other targets.
        let root = record.parse::<toml::Table>().unwrap();
        let given = |table: &str| root[table].as_table().unwrap();
        let kind = given("model")["kind"].as_str().unwrap();
        let learns = given("target").get("hamiltonian").map_or("data", |h| h.as_str().unwrap());
        for (table, kind) in [("model", kind), ("target", learns), ("train", "")] {
            for key in section::keys(table, Some(kind)) {
                let other = match key {
                    "context" | "shape" | "stream" | "embedding" | "domain" | "categories"
                    | "bounds" | "integers" | "circles" | "columns" | "simplex" => true,
                    "constraint" => !["fermions"].contains(&learns),
                    "hamiltonian" | "data" => !given(table).contains_key(key),
                    "evaluate" | "gradient" | "alpha" => learns == "data",
                    "samples" | "samples_weight" | "grow" | "group" => true,
                    "actnorm" => learns != "data",
                    "mask" | "fast" | "mode" => kind == "nsf",
                    key => key == absent,
                };
                assert!(given(table).contains_key(key) || other, "{key} is not in\n{record}");
            }
        }
    }
}

#[test]
fn a_record_without_a_description_of_its_model_is_a_config_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let config = Config::parse(&text, &path, &[]).unwrap();
            let record = config.record(&flow());
            let again =
                Config::parse(&record, &path, &[]).unwrap_or_else(|e| panic!("{e}:\n{record}"));
            assert_eq!(again.record(&flow()), record);
            count += 1;
        }
    }
    assert!(count > 10);
}

#[test]
fn constraints_are_read_and_refused() {
    let ising = "[target]\nhamiltonian = 'ising'\nsize = 4\nbeta = 0.4\n";
    let of = |constraint: &str, target: &str| {
        let text = format!("[model]\nkind = 'made'\n{constraint}\n{target}");
        let config = parse(&text, &[]).map_err(|e| e.to_string())?;
        Ok::<_, String>(config.model.family.constraint().cloned())
    };
    let counts = |down, up| Some(CountsSpec { counts: vec![down, up] }.into());
    assert_eq!(of("", ising), Ok(None));
    let half = "constraint = { kind = 'counts', counts = [8, 8] }";
    assert_eq!(of(half, ising), Ok(counts(8, 8)));
    let fermions = "[target]\nhamiltonian = 'fermions'\nparticles = 2\ncutoff = 1\nbeta = 1.0\n";
    assert_eq!(of("", fermions), Ok(counts(3, 2)));
    let ising2d = "[target]\nhamiltonian = 'ising2d'\nsize = 4\nbeta = 0.4\n";
    for (constraint, target, said) in [
        ("constraint = { kind = 'counts', counts = [7, 8] }", ising, "add up to 16"),
        ("constraint = { kind = 'counts', counts = [1, 8, 7] }", ising, "two counts"),
        ("constraint = { kind = 'increasing' }", ising, "counts"),
        (half, ising2d, "none where"),
        ("constraint = { kind = 'counts', counts = [2, 3] }", fermions, "counts of fermions"),
        ("constraint = { kind = 'number' }", ising, "constraint"),
        ("constraint = 'half'", ising, "expected a table"),
    ] {
        let error = of(constraint, target).unwrap_err();
        assert!(error.contains("[model] constraint") && error.contains(said), "{error}");
    }
    for (change, said) in [
        ("particles=6", "particles"),
        ("dimension=4", "dimension"),
        ("twist=[0.1]", "twist"),
        ("twist=[0.1,0.6]", "twist"),
        ("cutoff=0", "cutoff"),
    ] {
        let text = format!("[model]\nkind = 'made'\n{fermions}");
        let error = parse(&text, &[change]).unwrap_err().to_string();
        assert!(error.contains(&format!("[target] {said}")), "{error}");
    }
}

/// The layers of a text, of rows of this shape, to learn from a Hamiltonian.
fn spelled(text: &str, shape: &[usize]) -> std::result::Result<Vec<LayerSpec>, (usize, String)> {
    let root = text.parse::<toml::Table>().unwrap();
    let tables = root["layers"].as_array().unwrap().iter().map(|t| t.as_table().unwrap().clone());
    let tables: Vec<toml::Table> = tables.collect();
    layers(&tables, &NormalSpec {}.into(), shape, 1, Direction::Sampling)
}

#[test]
fn layers_of_some_coordinates_take_the_defaults_of_so_many() {
    let text = "layers = [
        { kind = 'partial', range = [8, 16], layer = { kind = 'coupling' } },
        { kind = 'partial', range = [0, 6], layer = { kind = 'autoregressive' } },
        { kind = 'partial', range = [8, 16], layer = { kind = 'coupling' } },
        { kind = 'partial', range = [8, 16], layer = { kind = 'coupling', mask = 'halves' } },
        { kind = 'partial', range = [0, 6], layer = { kind = 'autoregressive' } },
        { kind = 'partial', range = [3, 6], layer = { kind = 'permute' } },
        { kind = 'coupling' },
    ]";
    let found = spelled(text, &[4, 4]).unwrap();
    let mask_of = |layer: &CouplingSpec| -> String {
        layer.mask.iter().map(|kept| if *kept { '1' } else { '0' }).collect()
    };
    let mut said = Vec::new();
    for layer in &found {
        said.push(match layer {
            LayerSpec::Coupling(layer) => mask_of(layer),
            LayerSpec::Partial(PartialSpec { range, layer }) => match layer {
                PlainLayerSpec::Coupling(layer) => {
                    let hidden = MlpSpec { hidden: vec![64, 64], ..Default::default() };
                    assert_eq!(layer.network, hidden.into());
                    format!("{range:?} {}", mask_of(layer))
                }
                PlainLayerSpec::Autoregressive(layer) => {
                    assert_eq!(layer.fast, Direction::Sampling);
                    format!("{range:?} {:?}", layer.order)
                }
                PlainLayerSpec::Permute(layer) => format!("{range:?} {:?}", layer.order),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        "[8, 16] 10101010",
        "[0, 6] [0, 1, 2, 3, 4, 5]",
        "[8, 16] 01010101",
        "[8, 16] 11110000",
        "[0, 6] [5, 4, 3, 2, 1, 0]",
        "[3, 6] [2, 1, 0]",
        "1010010110100101",
    ];
    assert_eq!(said, expected);
    // What is written in full is read as it is.
    let written = toml::Value::try_from(&found).unwrap();
    assert_eq!(spelled(&format!("layers = {written}"), &[4, 4]).unwrap(), found);
}

#[test]
fn squeezes_are_permutations_of_images_whose_shapes_follow() {
    // From noise to data: all is squeezed, then half of the four channels.
    let text = "layers = [
        { kind = 'partial', range = [32, 64], layer = { kind = 'squeeze' } },
        { kind = 'partial', range = [0, 7], layer = { kind = 'lu' } },
        { kind = 'squeeze' },
    ]";
    let squeeze = |shape| PermuteSpec::squeeze(shape, 2).unwrap();
    let found = spelled(text, &[8, 8]).unwrap();
    assert_eq!(found[2], squeeze([1, 8, 8]).into());
    let half = PartialSpec { range: [32, 64], layer: squeeze([2, 4, 4]).into() };
    assert_eq!(found[0], half.into());
    let one = |layer: &str, shape: &[usize]| spelled(&format!("layers = [{layer}]"), shape);
    assert_eq!(one("{ kind = 'squeeze' }", &[3, 4, 2]).unwrap(), [squeeze([3, 4, 2]).into()]);
    let factor = PermuteSpec::squeeze([2, 3, 6], 3).unwrap();
    let given = "{ kind = 'squeeze', shape = [2, 3, 6], factor = 3 }";
    assert_eq!(one(given, &[36]).unwrap(), [factor.into()]);

    let partial = |inside: &str| format!("{{ kind = 'partial', {inside} }}");
    for (layer, expected) in [
        (
            partial("layer = { kind = 'lu' }"),
            "range: is missing, expected [first, end] with 0 ≤ first",
        ),
        (partial("range = [3, 17], layer = { kind = 'lu' }"), "range: found [3, 17], expected"),
        (partial("range = [-1, 3], layer = { kind = 'lu' }"), "range: found [-1, 3], expected"),
        (partial("range = [3, 3], layer = { kind = 'lu' }"), "first < end ≤ 16"),
        (partial("range = [0, 3, 4], layer = { kind = 'lu' }"), "range: found [0, 3, 4]"),
        (partial("range = 'all', layer = { kind = 'lu' }"), "range: found \"all\""),
        (partial("range = [0, 4]"), "layer: is missing, expected a table with the kind of a layer"),
        (partial("range = [0, 4], layer = 'lu'"), "layer: found \"lu\", expected a table"),
        (partial("range = [0, 4], layer = { kind = 'partial' }"), "unknown variant `partial`"),
        (partial("range = [0, 4], layer = { kind = 'lu' }, mask = '01'"), "unknown field `mask`"),
        (
            partial("range = [0, 6], layer = { kind = 'squeeze' }"),
            "shape: is missing, expected [channels, height, width], which does not follow",
        ),
        (
            "{ kind = 'squeeze', factor = 3 }".into(),
            "factor: found 3, expected 2 or more, by which 4",
        ),
        ("{ kind = 'squeeze', factor = 1 }".into(), "factor: found 1, expected 2 or more"),
        ("{ kind = 'squeeze', factor = -2 }".into(), "factor: found -2, expected 2 or more"),
        ("{ kind = 'squeeze', factor = 'two' }".into(), "factor: found \"two\""),
        ("{ kind = 'squeeze', shape = [1, 2, 4] }".into(), "shape: found [1, 2, 4], expected"),
        (
            "{ kind = 'squeeze', shape = [4, 4] }".into(),
            "[channels, height, width] of 16 coordinates",
        ),
        (format!("{{ kind = 'squeeze', shape = [{0}, {0}, {0}] }}", i64::MAX), "of 16 coordinates"),
        (
            "{ kind = 'squeeze', order = [0] }".into(),
            "order: unknown key, expected shape or factor",
        ),
    ] {
        let (number, message) = one(&layer, &[4, 4]).unwrap_err();
        assert!(message.contains(expected) && number == 0, "{layer}: {message}");
    }
    let message = one("{ kind = 'squeeze' }", &[16]).unwrap_err().1;
    assert!(message.contains("shape: is missing"), "{message}");
}

/// Keys of a residual network.
const UNITS: &str = "activation = 'gelu'\nresidual = true\n";

#[test]
fn networks_have_units_of_a_name_and_may_be_residual() {
    let model = parse(&format!("[model]\nkind = 'made'\n{UNITS}[target]\ndata = 'x.csv'"), &[])
        .unwrap()
        .model;
    assert_eq!((model.activation, model.residual), (AnyActivation::Gelu, true));
    for (setting, expected) in [
        ("residual=true", "[model] activation: found leaky, expected relu, tanh,"),
        ("activation=sigmoid", "[model] activation: unknown variant `sigmoid`, expected one of"),
    ] {
        let message = parse(ISING, &[setting]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let settings = ["residual=true", "activation=tanh", "hidden=[8, 8]"];
    let message = parse(ISING, &settings).unwrap_err().to_string();
    assert!(message.contains("[model] hidden: found [8, 8], expected an odd number"), "{message}");
}

#[test]
fn unknown_keys_get_the_nearest_known_one() {
    for (text, expected) in [
        (
            "[train]\nlearning_rat = 1",
            "[train] learning_rat: unknown key: did you mean 'learning_rate' in [train]?",
        ),
        ("[train]\nbeta = 1", "it belongs in [target]"),
        ("[trian]\nsteps = 1", "did you mean [train]?"),
    ] {
        let message = parse(&format!("{ISING}{text}"), &[]).unwrap_err().to_string();
        assert!(message.starts_with("runs/x.toml: ") && message.contains(expected), "{message}");
    }
    let message = parse(ISING, &["step=3"]).unwrap_err().to_string();
    assert!(message.contains("did you mean 'steps' in [train]?"), "{message}");
    let message = parse(ISING, &["layers=3"]).unwrap_err().to_string();
    assert!(message.contains("'made' does not take it"), "{message}");
}

#[test]
fn other_words_for_a_key_are_understood() {
    for (setting, expected) in [
        ("lr=1", "did you mean 'learning_rate' in [train]?"),
        ("epochs=3", "did you mean 'steps' in [train]?"),
        ("train.batch_size=3", "did you mean 'batch' in [train]?"),
        ("L=3", "did you mean 'size' in [target]?"),
        ("temperature=3", "did you mean 'beta' in [target]? (beta = 1 / temperature)"),
    ] {
        let message = parse(ISING, &[setting]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    for (text, expected) in [
        ("[train]\nlr = 1", "[train] lr: unknown key: did you mean 'learning_rate' in [train]?"),
        ("T = 2.0", "[target] T: unknown key: did you mean 'beta' in [target]?"),
    ] {
        let message = parse(&format!("{ISING}{text}"), &[]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let message = parse(&format!("lr = 1\n{ISING}"), &[]).unwrap_err().to_string();
    assert!(message.contains("lr: unknown at the top level: did you mean 'learn"), "{message}");
    for (_, _, words) in section::MEANINGS {
        for word in words {
            assert!(!TABLES.iter().any(|(_, rows)| rows.iter().any(|(_, k)| k.contains(word))));
        }
    }
}

#[test]
fn whole_numbers_may_have_an_exponent() {
    let config = parse(ISING, &["steps=1e3", "seed=2.0", "hidden=[1e2, 8]", "batch=128"]).unwrap();
    assert_eq!((config.train.steps, config.train.seed), (1000, 2));
    assert!(matches!(config.model.family, Family::Made { hidden: Some(h), .. } if h == [100, 8]));
    for wrong in ["steps=1.5", "steps=1e300", "seed=inf", "hidden=[1.5]", "steps=nan"] {
        let message = parse(ISING, &[wrong]).unwrap_err().to_string();
        assert!(message.contains("invalid type") || message.contains("found 1.5"), "{message}");
    }
}
