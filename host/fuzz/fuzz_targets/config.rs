//! Any text is a config or an error. What follows a zero byte are settings, a line each.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pushforward::bijection::Direction;
use pushforward::model::{Description, preset};
use pushforward::univariate::AffineSpec;
use pushforward_host::config::Config;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, settings) = text.split_once('\0').unwrap_or((text, ""));
    let settings: Vec<_> = settings.lines().map(String::from).collect();
    let path = Path::new("config.toml");
    let Ok(config) = Config::parse(text, path, &settings) else { return };
    let config = config.settled(None);
    // What is recorded is a config too, and says the same.
    let record = config.record(&any_flow());
    let again = Config::parse(&record, path, &[]).expect("a record is a config");
    assert_eq!(again.record(&any_flow()), record);
    assert_eq!(again.train, config.train);
});

/// A model that takes no sizes from its target.
fn any_flow() -> Description {
    let map = AffineSpec { log_scale_bound: 3.0 };
    preset::flow(&[2], [preset::autoregressive(vec![0, 1], Direction::Density, &[4], map)], true)
}
