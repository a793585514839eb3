//! Layers that a config spells out, `[[model.layers]]`, from noise to data.
//!
//! A layer is written as the model's file has it, and is read by the same types, so a new kind of
//! layer, network, map or base needs nothing here. What is left out takes a default: masks and orders
//! alternate from layer to layer, networks have two layers of 64 units. Splines that are not the identity
//! beyond their interval move that of the base, and where they are those of a circle, the network that
//! feeds them reads angles. A layer of some coordinates (`partial`) takes the defaults of a flow of so many, and
//! alternates with those of the same range.
//!
//! One kind is there in configs alone: `squeeze`, which makes channels of an image's squares of pixels and is a
//! `permute` in the file, as flows here are dense. The image's shape follows from that of a row and from the
//! squeezes nearer to the data.

use std::collections::BTreeMap;

use pushforward::bijection::Direction;
use pushforward::layer::PermuteSpec;
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
    let mut tables = tables.to_vec();
    let mut images = Images::of(shape);
    for (l, table) in tables.iter_mut().enumerate().rev() {
        let squeezed = moved(table, dim).and_then(|(layer, range)| match kind(layer) {
            Some("squeeze") => images.squeeze(layer, range),
            _ => Ok(()),
        });
        squeezed.map_err(|message| (l, message))?;
    }
    let mut counts: BTreeMap<[usize; 2], Count> = BTreeMap::new();
    let layer = |(l, mut table): (usize, Table)| {
        let (layer, range) = moved(&mut table, dim).map_err(|message| (l, message))?;
        let own = [range[1] - range[0]];
        let shape = if range == [0, dim] { shape } else { &own };
        fill(layer, base, shape, context, fast, counts.entry(range).or_default());
        read(table).map_err(|message| (l, message))
    };
    tables.into_iter().enumerate().map(layer).collect()
}

/// Layers of a kind that there were before, of the same coordinates.
#[derive(Default)]
struct Count {
    couplings: usize,
    orders: usize,
}

fn kind(table: &Table) -> Option<&str> {
    table.get("kind").and_then(Value::as_str)
}

/// The table of what moves coordinates, which of a layer of some is inside, and their range.
fn moved(table: &mut Table, dim: usize) -> Result<(&mut Table, [usize; 2]), String> {
    if kind(table) != Some("partial") {
        return Ok((table, [0, dim]));
    }
    let range = match table.get("range").map(whole) {
        Some(Some(range)) if matches!(range[..], [first, end] if first < end && end <= dim) => {
            [range[0], range[1]]
        }
        _ => {
            let expected = format!("[first, end] with 0 ≤ first < end ≤ {dim}");
            return Err(wrong("range", table.get("range"), &expected));
        }
    };
    match table.get_mut("layer") {
        Some(Value::Table(layer)) => Ok((layer, range)),
        found => Err(wrong("layer", found.as_deref(), "a table with the kind of a layer")),
    }
}

/// A list of whole numbers, not below 0.
fn whole(value: &Value) -> Option<Vec<usize>> {
    let list = value.as_array()?.iter();
    list.map(|n| n.as_integer().and_then(|n| usize::try_from(n).ok())).collect()
}

fn wrong(field: &str, found: Option<&Value>, expected: &str) -> String {
    match found {
        None => format!("{field}: is missing, expected {expected}"),
        Some(found) => format!("{field}: found {found}, expected {expected}"),
    }
}

/// The images that ranges of coordinates are known to be, `[channels, height, width]`: what comes later lies
/// nearer to the noise.
struct Images(Vec<([usize; 2], [usize; 3])>);

impl Images {
    /// What a row is.
    fn of(shape: &[usize]) -> Self {
        let image = match *shape {
            [height, width] => Some([1, height, width]),
            [channels, height, width] => Some([channels, height, width]),
            _ => None,
        };
        let dim = shape.iter().product();
        Self(image.map(|image| ([0, dim], image)).into_iter().collect())
    }

    /// The image that the coordinates of a range are: channels of the last one that has any of them.
    fn at(&self, [first, end]: [usize; 2]) -> Option<[usize; 3]> {
        let touches = |place: &[usize; 2]| first < place[1] && place[0] < end;
        let ([start, stop], [_, height, width]) =
            *self.0.iter().rev().find(|(place, _)| touches(place))?;
        let (pixels, n) = (height * width, end - first);
        let whole = |n: usize| n.is_multiple_of(pixels);
        let fits = start <= first && end <= stop && whole(first - start) && whole(n);
        fits.then(|| [n / pixels, height, width])
    }

    /// Makes a squeeze a permutation.
    fn squeeze(&mut self, layer: &mut Table, range: [usize; 2]) -> Result<(), String> {
        let known = ["kind", "shape", "factor"];
        if let Some(key) = layer.keys().find(|key| !known.contains(&&key[..])) {
            return Err(format!("{key}: unknown key, expected shape or factor"));
        }
        let n = range[1] - range[0];
        let image = match layer.get("shape") {
            None => self.at(range).ok_or_else(|| {
                let expected = "[channels, height, width], which does not follow from the row's";
                wrong("shape", None, expected)
            })?,
            Some(shape) => match whole(shape).as_deref() {
                Some(&[c, h, w]) if c.checked_mul(h).and_then(|n| n.checked_mul(w)) == Some(n) => {
                    [c, h, w]
                }
                _ => {
                    let expected = format!("[channels, height, width] of {n} coordinates");
                    return Err(wrong("shape", Some(shape), &expected));
                }
            },
        };
        let [channels, height, width] = image;
        let two = Value::Integer(2);
        let given = layer.get("factor").unwrap_or(&two);
        let factor = given.as_integer().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let PermuteSpec { order } = PermuteSpec::squeeze(image, factor)
            .map_err(|expected| wrong("factor", Some(given), &expected))?;
        let squeezed = [channels * factor * factor, height / factor, width / factor];
        self.0.push((range, squeezed));
        *layer = kinded("permute");
        let order: Vec<i64> = order.into_iter().map(|d| d as i64).collect();
        layer.insert("order".into(), order.into());
        Ok(())
    }
}

/// Fills a layer's defaults in.
fn fill(
    layer: &mut Table,
    base: &BaseSpec,
    shape: &[usize],
    context: usize,
    fast: Direction,
    count: &mut Count,
) {
    let dim: usize = shape.iter().product();
    match kind(layer) {
        Some("coupling") => {
            let word = match layer.get("mask").and_then(Value::as_str) {
                None => Some(Mask::Checkerboard),
                Some(word) => Mask::of(word),
            };
            if let Some(mask) = word {
                let kept = |d| if mask.keeps(d, count.couplings, shape) { '1' } else { '0' };
                let text: String = (0..dim).map(kept).collect();
                layer.insert("mask".into(), text.into());
            }
            count.couplings += 1;
            univariate(layer, base, fast);
            let kept = layer.get("mask").and_then(Value::as_str).unwrap_or_default();
            let angles = "0".repeat(context) + &"1".repeat(kept.matches('1').count());
            network(layer, "mlp", angles);
        }
        Some("autoregressive") => {
            let ascending = 0..dim as i64;
            let order: Vec<i64> = match count.orders % 2 {
                0 => ascending.collect(),
                _ => ascending.rev().collect(),
            };
            count.orders += 1;
            layer.entry("order").or_insert(order.into());
            let side = match fast {
                Direction::Density => "density",
                Direction::Sampling => "sampling",
            };
            layer.entry("fast").or_insert(side.into());
            univariate(layer, base, fast);
            network(layer, "masked", "1".repeat(dim));
        }
        Some("permute") => {
            let reversed: Vec<i64> = (0..dim as i64).rev().collect();
            layer.entry("order").or_insert(reversed.into());
        }
        _ => {}
    }
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
