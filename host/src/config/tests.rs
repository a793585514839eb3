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
        Family::Made { hidden: Some(vec![64]), z2: Some(true), pairwise: true }
    );
    let TargetConfig::Hamiltonian(target) = &config.target else { panic!() };
    assert_eq!(target.energy().unwrap().shape(), [6, 6]);
    assert!(config.text.contains("steps = 7"));
}

#[test]
fn data_paths_are_relative_to_the_config_and_not_recorded() {
    let text = "[model]\nkind = 'realnvp'\n[target]\ndata = '../secret/x.csv'\n";
    let config = parse(text, &[]).unwrap();
    let TargetConfig::Data { path, .. } = config.target else { panic!() };
    assert_eq!(path, Path::new("runs/../secret/x.csv"));
    assert!(config.text.contains("x.csv") && !config.text.contains("secret"));
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
