//! Layers that a config spells out, `[[model.layers]]`, from noise to data.
//!
//! A layer is written as the model's file has it, and is read by the same types, so a new kind of
//! layer, network, map or base needs nothing here. What is left out takes a default: masks and orders
//! alternate from layer to layer, networks have two layers of 64 units. Splines that are not the identity
//! beyond their interval move that of the base, and where they are those of a circle, the network that
//! feeds them reads angles.

use pushforward::bijection::Direction;
use pushforward::model::{BasePart, BaseSpec, LayerSpec, Support};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// The base, `"normal"` or a table with its kind.
pub(crate) fn base(value: &Value) -> Result<BaseSpec, String> {
    match value {
        Value::String(kind) => read(kinded(kind)),
        Value::Table(table) => read(table.clone()),
        _ => Err(format!("found {value}, expected a name or a table with a kind")),
    }
}

/// The layers of a flow from this base over rows of this shape, whose networks read a context of so
/// many values, and what is there in this direction.
pub(crate) fn layers(
    tables: &[Table],
    base: &BaseSpec,
    shape: &[usize],
    context: usize,
    fast: Direction,
) -> Result<Vec<LayerSpec>, (usize, String)> {
    let dim: usize = shape.iter().product();
    let (mut couplings, mut orders) = (0, 0);
    let layer = |(l, table): (usize, &Table)| {
        let mut table = table.clone();
        match table.get("kind").and_then(Value::as_str) {
            Some("coupling") => {
                let word = match table.get("mask").and_then(Value::as_str) {
                    None => Some(Mask::Checkerboard),
                    Some(word) => Mask::of(word),
                };
                if let Some(mask) = word {
                    let kept = |d| if mask.keeps(d, couplings, shape) { '1' } else { '0' };
                    let text: String = (0..dim).map(kept).collect();
                    table.insert("mask".into(), text.into());
                }
                couplings += 1;
                univariate(&mut table, base, fast);
                let kept = table.get("mask").and_then(Value::as_str).unwrap_or_default();
                let angles = "0".repeat(context) + &"1".repeat(kept.matches('1').count());
                network(&mut table, "mlp", angles);
            }
            Some("autoregressive") => {
                let ascending = 0..dim as i64;
                let order: Vec<i64> = match orders % 2 {
                    0 => ascending.collect(),
                    _ => ascending.rev().collect(),
                };
                orders += 1;
                table.entry("order").or_insert(order.into());
                let side = match fast {
                    Direction::Density => "density",
                    Direction::Sampling => "sampling",
                };
                table.entry("fast").or_insert(side.into());
                univariate(&mut table, base, fast);
                network(&mut table, "masked", "1".repeat(dim));
            }
            Some("permute") => {
                let reversed: Vec<i64> = (0..dim as i64).rev().collect();
                table.entry("order").or_insert(reversed.into());
            }
            _ => {}
        }
        read(table).map_err(|message| (l, message))
    };
    tables.iter().enumerate().map(layer).collect()
}

/// Which coordinates a coupling layer keeps; every second layer keeps the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Even ones; on a lattice, the black fields of a checkerboard.
    Checkerboard,
    /// The first half.
    Halves,
}

impl Mask {
    /// By its name in configs.
    pub fn of(word: &str) -> Option<Mask> {
        match word {
            "checkerboard" => Some(Mask::Checkerboard),
            "halves" => Some(Mask::Halves),
            _ => None,
        }
    }

    /// Its name in configs.
    pub fn name(self) -> &'static str {
        match self {
            Mask::Checkerboard => "checkerboard",
            Mask::Halves => "halves",
        }
    }

    /// Whether coupling number `layer` keeps coordinate `d` of a row of this shape.
    pub fn keeps(self, d: usize, layer: usize, shape: &[usize]) -> bool {
        let dim: usize = shape.iter().product();
        match self {
            // One coordinate has nothing to condition on: every layer moves it.
            _ if dim == 1 => false,
            Mask::Checkerboard => {
                let width = if shape.len() == 2 { shape[1] } else { dim };
                (d / width + d % width + layer).is_multiple_of(2)
            }
            Mask::Halves => (d < dim / 2) == layer.is_multiple_of(2),
        }
    }
}

/// Fills a layer's network in, once its map is: one that reads these inputs as angles, where the map is
/// that of a circle, around one of this kind.
fn network(layer: &mut Table, kind: &str, angles: String) {
    let map = layer.get("univariate");
    let of_map = |key| map.and_then(|map| map.get(key)).cloned();
    let tails = of_map("tails");
    let circular = matches!(tails.as_ref().and_then(Value::as_str), Some("circular" | "half_turn"));
    let bound = of_map("bound");
    let network = layer.entry("network").or_insert(Value::Table(Table::new()));
    let Value::Table(network) = network else { return };
    let default = if circular { "periodic" } else { kind };
    let kind = network.entry("kind").or_insert(default.into());
    if kind.as_str() != Some("periodic") {
        network.entry("hidden").or_insert(vec![64, 64].into());
        return;
    }
    if !network.contains_key("network") {
        let own = |key: &str| ["kind", "angles", "bound"].contains(&key);
        let (own, inner) = std::mem::take(network).into_iter().partition(|(key, _)| own(key));
        *network = own;
        network.insert("network".into(), Value::Table(inner));
    }
    network.entry("angles").or_insert(angles.into());
    if let Some(bound) = bound {
        network.entry("bound").or_insert(bound);
    }
    if let Some(Value::Table(inner)) = network.get_mut("network") {
        inner.entry("hidden").or_insert(vec![64, 64].into());
    }
}

/// The bound of an affine map's log-scale. What learns from data has the smaller one: with 3, held-out
/// rows of small tables are scored by up to 10⁵ nats too low where a network goes on beyond what it has seen.
pub(super) fn log_scale_bound(fast: Direction) -> f64 {
    match fast {
        Direction::Density => 2.0,
        Direction::Sampling => 3.0,
    }
}

/// Fills a layer's map of a coordinate in.
fn univariate(layer: &mut Table, base: &BaseSpec, fast: Direction) {
    let map = layer.entry("univariate").or_insert("affine".into());
    if let Value::String(kind) = map {
        *map = Value::Table(kinded(kind));
    }
    let Value::Table(map) = map else { return };
    match map.get("kind").and_then(Value::as_str) {
        Some("affine") => {
            map.entry("log_scale_bound").or_insert(log_scale_bound(fast).into());
        }
        Some("rational_quadratic") => {
            map.entry("bins").or_insert(8.into());
            let linear = map.get("tails").is_none_or(|tails| tails.as_str() == Some("linear"));
            let bound = match base.support() {
                Support::Interval { bound } | Support::Circle { bound } if !linear => bound.into(),
                _ => 5.0,
            };
            map.entry("bound").or_insert(bound.into());
        }
        Some("mixture_cdf") => {
            map.entry("cdf").or_insert("logistic".into());
            map.entry("components").or_insert(8.into());
            map.entry("spread").or_insert(1.0.into());
        }
        Some("sinh") => {
            map.entry("bound").or_insert(3.0.into());
        }
        _ => {}
    }
}

fn kinded(kind: &str) -> Table {
    Table::from_iter([("kind".to_owned(), Value::from(kind))])
}

fn read<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    Value::Table(table).try_into().map_err(|e: toml::de::Error| e.message().to_owned())
}
