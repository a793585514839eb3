//! Networks with any masks, as networks that are walked site by site.
//!
//! A mask of another library says which unit reads which. A unit then depends on some coordinates, and
//! it belongs to the first site that has them all behind it. Sorted by their sites, units have a mask
//! that is a staircase with zeros in it, which is what [`MaskedSpec`] describes by listing how many units
//! each site has. Couplings, whose networks read one half of the coordinates and serve the other, are
//! dense and need none of this.

use std::collections::{BTreeMap, BTreeSet};

use pushforward::activation::AnyActivation;
use pushforward::network::conditioning::{AnyConditioning, Conditioning};
use pushforward::network::{MaskedSpec, MlpSpec};

use super::{State, Tensors};
use crate::error::Result;

/// A dense layer.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `[rows, columns]`; what a mask hides is 0.
    pub(super) weight: Vec<f64>,
    pub(super) bias: Vec<f64>,
    /// Which weights may be other than 0; all, if there is none.
    pub(super) mask: Option<Vec<bool>>,
}

impl Linear {
    /// Reads `{path}.weight`, `{path}.bias` and, if `masked`, `{path}.mask`.
    pub(super) fn read(state: &State, path: &str, masked: bool) -> Result<Self> {
        let ([rows, columns], weight) = state.matrix(&format!("{path}.weight"))?;
        let bias = state.vector(&format!("{path}.bias"), rows)?.to_vec();
        let mut weight = weight.to_vec();
        let mut mask = None;
        if masked {
            let seen = state.shaped(&format!("{path}.mask"), &[rows, columns])?;
            let seen: Vec<bool> = seen.data.iter().map(|x| *x != 0.0).collect();
            weight.iter_mut().zip(&seen).filter(|(_, seen)| !**seen).for_each(|(w, _)| *w = 0.0);
            mask = Some(seen);
        }
        Ok(Self { rows, columns, weight, bias, mask })
    }

    /// Reads `{path}.{0, 2, …}`: the dense layers of a sequence in which activations have the odd numbers.
    pub(super) fn sequence(state: &State, path: &str, masked: bool) -> Result<Vec<Self>> {
        let path = |k: usize| format!("{path}.{}", 2 * k);
        let there = |k: &usize| state.has_within(&format!("{}.", path(*k)));
        let count = (0..).take_while(there).count().max(1);
        (0..count).map(|k| Self::read(state, &path(k), masked)).collect()
    }

    /// With the columns and the bias of another of as many rows, all of whose weights are seen.
    pub(super) fn beside(&self, other: &Self) -> Option<Self> {
        if self.rows != other.rows {
            return None;
        }
        let mut both = Self { columns: self.columns + other.columns, ..self.clone() };
        (both.weight, both.mask) = (Vec::new(), Some(Vec::new()));
        for r in 0..self.rows {
            let row = |of: &Self| of.weight[r * of.columns..(r + 1) * of.columns].to_vec();
            both.weight.extend(row(self));
            both.weight.extend(row(other));
            both.bias[r] += other.bias[r];
            let seen = (0..self.columns).map(|c| self.sees(r, c));
            let seen = seen.chain(std::iter::repeat_n(true, other.columns));
            both.mask.get_or_insert_default().extend(seen);
        }
        Some(both)
    }

    /// With each row's opposite behind all of them.
    pub(super) fn with_opposites(&self) -> Self {
        let twice =
            |numbers: &[f64]| numbers.iter().copied().chain(numbers.iter().map(|x| -x)).collect();
        Self {
            rows: 2 * self.rows,
            columns: self.columns,
            weight: twice(&self.weight),
            bias: twice(&self.bias),
            mask: self.mask.as_ref().map(|mask| [&mask[..], mask].concat()),
        }
    }

    /// With as many rows more, which read the same with weights of 0.
    pub(super) fn with_idle_rows(&self) -> Self {
        let idle =
            |numbers: &[f64]| numbers.iter().copied().chain(numbers.iter().map(|_| 0.0)).collect();
        Self { weight: idle(&self.weight), bias: idle(&self.bias), ..self.with_opposites() }
    }

    /// What it reads times `by` as columns behind the others.
    fn columns_twice(&self, by: f64) -> Self {
        let of = |row: usize| row * self.columns..(row + 1) * self.columns;
        let weights = (0..self.rows).flat_map(|row| {
            let own = &self.weight[of(row)];
            own.iter().copied().chain(own.iter().map(move |w| by * w))
        });
        let mask = self.mask.as_ref().map(|mask| {
            (0..self.rows)
                .flat_map(|row| [&mask[of(row)]; 2].into_iter().flatten())
                .copied()
                .collect()
        });
        Self { columns: 2 * self.columns, weight: weights.collect(), mask, ..self.clone() }
    }

    /// Of the positive parts of what it reads, and of its opposites', which are so many columns more.
    pub(super) fn of_opposites(&self) -> Self {
        self.columns_twice(-1.0)
    }

    /// With as many columns more of which nothing is read.
    pub(super) fn with_idle_columns(&self) -> Self {
        self.columns_twice(0.0)
    }

    /// With the rows that are kept.
    pub(super) fn retain_rows(&mut self, keep: &[bool]) {
        let rows: Vec<usize> = (0..self.rows).filter(|row| keep[*row]).collect();
        let columns = self.columns;
        let mask = self.mask.as_ref().map(|mask| {
            rows.iter().flat_map(|row| &mask[row * columns..(row + 1) * columns]).copied().collect()
        });
        *self = Self { mask, ..self.with_rows(&rows) };
    }

    /// Makes a row read nothing and give this.
    pub(super) fn set_row(&mut self, row: usize, bias: f64) {
        self.weight[row * self.columns..(row + 1) * self.columns].fill(0.0);
        self.bias[row] = bias;
    }

    /// Makes a row what another is.
    pub(super) fn copy_row(&mut self, from: usize, to: usize) {
        let columns = from * self.columns..(from + 1) * self.columns;
        self.weight.copy_within(columns.clone(), to * self.columns);
        self.bias[to] = self.bias[from];
        if let Some(mask) = &mut self.mask {
            mask.copy_within(columns, to * self.columns);
        }
    }

    /// Reads the cosine and the sine of what a column is the angle of, weighted, in place of the angle. The
    /// sine's column is the last one.
    pub(super) fn turn_column(&mut self, column: usize, [cosine, sine]: [f64; 2]) {
        let (mut weight, mut mask) = (Vec::new(), Vec::new());
        for row in 0..self.rows {
            let own = &self.weight[row * self.columns..(row + 1) * self.columns];
            let start = weight.len();
            weight.extend_from_slice(own);
            weight[start + column] *= cosine;
            weight.push(own[column] * sine);
            mask.extend((0..self.columns).map(|c| self.sees(row, c)));
            mask.push(self.sees(row, column));
        }
        self.mask = self.mask.is_some().then_some(mask);
        self.weight = weight;
        self.columns += 1;
    }

    /// Some of its columns.
    pub(super) fn with_columns(&self, columns: &[usize]) -> Self {
        let row = |row: &[f64]| columns.iter().map(|c| row[*c]).collect::<Vec<f64>>();
        let weight = self.weight.chunks(self.columns.max(1)).flat_map(row).collect();
        Self { columns: columns.len(), weight, mask: None, ..self.clone() }
    }

    /// Some of its rows.
    pub(super) fn with_rows(&self, rows: &[usize]) -> Self {
        let row = |r: &usize| self.weight[r * self.columns..(r + 1) * self.columns].to_vec();
        let weight = rows.iter().flat_map(row).collect();
        let bias = rows.iter().map(|r| self.bias[*r]).collect();
        Self { rows: rows.len(), weight, bias, mask: None, ..self.clone() }
    }

    /// Layers that read the same, as one.
    pub(super) fn stacked(parts: &[Self]) -> Self {
        Self {
            rows: parts.iter().map(|part| part.rows).sum(),
            columns: parts.first().map_or(0, |part| part.columns),
            weight: parts.iter().flat_map(|part| part.weight.iter().copied()).collect(),
            bias: parts.iter().flat_map(|part| part.bias.iter().copied()).collect(),
            mask: None,
        }
    }

    /// Layers each of which reads its own, side by side.
    pub(super) fn blocks(parts: &[Self]) -> Self {
        let columns = parts.iter().map(|part| part.columns).sum();
        let mut weight = Vec::new();
        let mut before = 0;
        for part in parts {
            for row in part.weight.chunks(part.columns.max(1)) {
                let mut wide = vec![0.0; columns];
                wide[before..before + part.columns].copy_from_slice(row);
                weight.extend(wide);
            }
            before += part.columns;
        }
        Self { columns, weight, ..Self::stacked(parts) }
    }

    fn sees(&self, row: usize, column: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[row * self.columns + column])
    }

    /// Weights and biases in another order: row `i` of the new is row `rows[i]` of the old, and columns
    /// likewise; 0 where the old has none.
    fn permuted(
        &self,
        rows: &[Option<usize>],
        columns: impl Iterator<Item = Option<usize>> + Clone,
    ) -> [Vec<f64>; 2] {
        let at = |r: &Option<usize>, c: Option<usize>| match (r, c) {
            (Some(r), Some(c)) => self.weight[r * self.columns + c],
            _ => 0.0,
        };
        let weight = rows.iter().flat_map(|r| columns.clone().map(move |c| at(r, c))).collect();
        let bias = rows.iter().map(|r| r.map_or(0.0, |r| self.bias[r])).collect();
        [weight, bias]
    }
}

/// Parameters of each of `n` coordinates in the rows of a network's last layer.
pub(super) fn each(state: &State, path: &str, layers: &[Linear], n: usize) -> Result<usize> {
    let rows = layers.last().map_or(0, |layer| layer.rows);
    if n > 0 && rows.is_multiple_of(n) {
        return Ok(rows / n);
    }
    Err(state
        .fault(format!("`{path}`: found {rows} outputs, expected a multiple of {n} coordinates")))
}

/// Numbers as places that are there.
fn all(numbers: &[usize]) -> Vec<Option<usize>> {
    numbers.iter().copied().map(Some).collect()
}

/// What stands in a column of a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// A value of the context.
    Context(usize),
    /// A coordinate; of an angle its cosine.
    Coordinate(usize),
    /// The sine of an angle.
    Sine(usize),
}

/// A network whose hidden layers have one activation, or are residual in our sense.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) layers: Vec<Linear>,
    pub(super) activation: AnyActivation,
    pub(super) residual: bool,
    /// What it does with its context, and the layer of each hidden layer that does more than read it.
    pub(super) conditioning: AnyConditioning,
    pub(super) of_context: BTreeMap<usize, Linear>,
    /// What its input is.
    pub(super) inputs: Vec<Column>,
    /// Coordinate and parameter of each output.
    pub(super) outputs: Vec<[usize; 2]>,
}

/// A masked network, and the coordinate at each site.
pub(super) struct Causal {
    pub(super) order: Vec<usize>,
    /// Which sites are angles, in this order.
    pub(super) angles: Vec<bool>,
    pub(super) network: MaskedSpec,
    pub(super) tensors: Tensors,
}

/// Sets of coordinates, one a row.
struct Sets {
    dim: usize,
    members: Vec<bool>,
}

impl Sets {
    fn new(rows: usize, dim: usize) -> Self {
        Self { dim, members: vec![false; rows * dim] }
    }

    fn row(&self, row: usize) -> &[bool] {
        &self.members[row * self.dim..(row + 1) * self.dim]
    }

    fn join(&mut self, row: usize, other: &[bool]) {
        let own = &mut self.members[row * self.dim..(row + 1) * self.dim];
        own.iter_mut().zip(other).for_each(|(own, other)| *own |= other);
    }
}

impl Network {
    /// A network that reads its context.
    pub(super) fn plain(
        layers: Vec<Linear>,
        activation: AnyActivation,
        inputs: Vec<Column>,
        outputs: Vec<[usize; 2]>,
    ) -> Self {
        let (residual, conditioning) = (false, AnyConditioning::Read);
        let of_context = BTreeMap::new();
        Self { layers, activation, residual, conditioning, of_context, inputs, outputs }
    }

    /// With `parameters` outputs for each of its coordinates: those that are missing are 0.
    pub(super) fn with_parameters(mut self, parameters: usize) -> Self {
        let coordinates: Vec<usize> = self.outputs.iter().map(|[d, _]| *d).collect();
        let has: BTreeSet<[usize; 2]> = self.outputs.iter().copied().collect();
        for d in BTreeSet::from_iter(coordinates) {
            for missing in (0..parameters).map(|p| [d, p]).filter(|output| !has.contains(output)) {
                self.outputs.push(missing);
                if let Some(last) = self.layers.last_mut() {
                    last.rows += 1;
                    last.weight.extend(std::iter::repeat_n(0.0, last.columns));
                    last.bias.push(0.0);
                    if let Some(mask) = &mut last.mask {
                        mask.extend(std::iter::repeat_n(false, last.columns));
                    }
                }
            }
        }
        self
    }

    /// Whether layers fit each other, the inputs and the outputs.
    fn fault(&self) -> Option<String> {
        let mut known = self.inputs.len();
        for (l, layer) in self.layers.iter().enumerate() {
            if layer.columns != known {
                let found = layer.columns;
                return Some(format!("dense layer {l}: found {found} columns, expected {known}"));
            }
            known = layer.rows;
        }
        let expected = self.outputs.len();
        (known != expected)
            .then(|| format!("the last layer: found {known} rows, expected {expected}"))
    }

    /// The coordinates that each unit of each layer depends on. Units of a residual network's stream
    /// depend on all that was ever added to them.
    fn dependencies(&self, dim: usize) -> Vec<Sets> {
        let mut all: Vec<Sets> = Vec::with_capacity(self.layers.len());
        for (l, layer) in self.layers.iter().enumerate() {
            let mut sets = Sets::new(layer.rows, dim);
            for row in 0..layer.rows {
                for column in (0..layer.columns).filter(|column| layer.sees(row, *column)) {
                    match (all.last(), self.inputs.get(column)) {
                        (Some(below), _) => sets.join(row, below.row(column)),
                        (None, Some(Column::Coordinate(d) | Column::Sine(d))) => {
                            sets.members[row * dim + d] = true;
                        }
                        (None, _) => {}
                    }
                }
                let ends_a_pair = self.residual && l > 0 && l % 2 == 0 && l + 1 < self.layers.len();
                if ends_a_pair {
                    sets.join(row, all[l - 2].row(row));
                }
            }
            all.push(sets);
        }
        all
    }

    /// As a network that is walked site by site, with `parameters` outputs a site.
    ///
    /// # Errors
    /// What is wrong with it: layers that do not fit, or masks that let a coordinate depend on itself.
    pub(super) fn causal(
        &self,
        dim: usize,
        context: usize,
        parameters: usize,
    ) -> std::result::Result<Causal, String> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let mut sets = self.dependencies(dim);
        let mut of_coordinates = Sets::new(dim, dim);
        let outputs = sets.pop().ok_or("found no dense layer, expected one at least")?;
        for (row, [coordinate, _]) in self.outputs.iter().enumerate() {
            of_coordinates.join(*coordinate, outputs.row(row));
        }
        let order = sorted(&of_coordinates)?;
        let mut place = vec![0; dim];
        order.iter().enumerate().for_each(|(site, d)| place[*d] = site);

        // The first site that has behind it all that a unit depends on.
        let site_of = |set: &[bool]| {
            let places =
                set.iter().zip(&place).filter(|(member, _)| **member).map(|(_, site)| site + 1);
            places.max().unwrap_or(0)
        };
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut through: Vec<Vec<usize>> = Vec::new();
        for sets in &sets {
            let rows = sets.members.len() / dim;
            let sites: Vec<usize> = (0..rows).map(|row| site_of(sets.row(row))).collect();
            // Of what depends on the last coordinate nothing may be read.
            if sites.contains(&dim) {
                return Err("a hidden unit reads all coordinates, which no coordinate may".into());
            }
            let mut sorted: Vec<usize> = (0..rows).collect();
            sorted.sort_by_key(|unit| sites[*unit]);
            through
                .push((0..dim).map(|site| sites.iter().filter(|s| **s <= site).count()).collect());
            units.push(sorted);
        }
        if self.residual {
            // What is added to a unit of the stream is its own.
            for l in (0..units.len()).step_by(2) {
                units[l] = units[units.len() - 1].clone();
            }
            if through.iter().any(|list| *list != through[through.len() - 1]) {
                return Err(
                    "residual layers whose units do not depend on the same coordinates".into()
                );
            }
        }

        let mut is_angle = vec![false; dim];
        for input in &self.inputs {
            if let Column::Sine(d) = input {
                is_angle[*d] = true;
            }
        }
        let angles: Vec<bool> = order.iter().map(|d| is_angle[*d]).collect();
        let each = if angles.contains(&true) { 2 } else { 1 };
        let mut columns = vec![None; context + each * dim];
        for (column, input) in self.inputs.iter().enumerate() {
            let place = match input {
                Column::Context(k) => *k,
                Column::Coordinate(d) => context + each * place[*d],
                Column::Sine(d) => context + each * place[*d] + 1,
            };
            columns[place] = Some(column);
        }
        let mut rows = vec![None; dim * parameters];
        for (row, [coordinate, p]) in self.outputs.iter().enumerate() {
            rows[place[*coordinate] * parameters + p] = Some(row);
        }
        let mut units: Vec<Vec<Option<usize>>> = units.iter().map(|units| all(units)).collect();
        units.push(rows);

        let depth = self.layers.len() - 1;
        let mut tensors = Tensors::new();
        for (l, layer) in &self.of_context {
            let own = units.get(*l).filter(|units| *l < depth && units.len() == layer.rows);
            let Some(own) = own.filter(|_| layer.columns == context) else {
                let Linear { rows, columns, .. } = layer;
                return Err(format!(
                    "what is made of the context for layer {l}: found {rows} rows of {columns}"
                ));
            };
            let [weight, bias] = layer.permuted(own, (0..context).map(Some));
            tensors.insert(format!("context.{l}.weight"), weight);
            tensors.insert(format!("context.{l}.bias"), bias);
        }
        // A context that is added is no input.
        let columns = if self.conditioning.reads() { &columns[..] } else { &columns[context..] };
        // Without hidden layers the outputs read directly.
        let output = if depth == 0 { "direct" } else { "output" };
        tensors.extend(self.tensors(columns, &units, output));
        let hidden: Vec<usize> = self.layers[..depth].iter().map(|layer| layer.rows).collect();
        let network = MaskedSpec {
            direct: hidden.is_empty(),
            activation: if hidden.is_empty() { AnyActivation::default() } else { self.activation },
            residual: self.residual,
            conditioning: self.conditioning,
            hidden,
            through,
        };
        Ok(Causal { order, angles, network, tensors })
    }

    /// The tensors of the layers, with what they read and what they give in this order; the last layer's
    /// weights are called `output`.
    fn tensors(
        &self,
        columns: &[Option<usize>],
        units: &[Vec<Option<usize>>],
        output: &str,
    ) -> Tensors {
        let mut tensors = Tensors::new();
        let mut read = columns;
        for (l, (layer, units)) in self.layers.iter().zip(units).enumerate() {
            let hidden = format!("hidden.{l}");
            let is_last = l + 1 == self.layers.len();
            let [weights, biases] = if is_last { [output, "output"] } else { [&*hidden; 2] };
            let [weight, bias] = layer.permuted(units, read.iter().copied());
            tensors.insert(format!("{weights}.weight"), weight);
            tensors.insert(format!("{biases}.bias"), bias);
            read = units;
        }
        tensors
    }

    /// As a dense network of a coupling, which reads the context and the kept coordinates and has
    /// parameter p of moved coordinate j of M at output p M + j.
    ///
    /// # Errors
    /// Layers that do not fit.
    pub(super) fn coupled(
        &self,
        moved: &[usize],
    ) -> std::result::Result<(MlpSpec, Tensors), String> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        if self.inputs.iter().any(|input| matches!(input, Column::Sine(_))) {
            return Err("angles, which only networks that are walked read here".into());
        }
        let place = |column: &usize| match self.inputs[*column] {
            Column::Context(k) => (0, k),
            Column::Coordinate(d) | Column::Sine(d) => (1, d),
        };
        let mut columns: Vec<usize> = (0..self.inputs.len()).collect();
        columns.sort_by_key(place);
        let columns: Vec<Option<usize>> = columns.into_iter().map(Some).collect();
        let depth = self.layers.len() - 1;
        let mut units: Vec<Vec<Option<usize>>> =
            self.layers[..depth].iter().map(|layer| (0..layer.rows).map(Some).collect()).collect();
        let mut rows = vec![None; self.outputs.len()];
        for (row, [coordinate, p]) in self.outputs.iter().enumerate() {
            let j =
                moved.iter().position(|d| d == coordinate).ok_or("an output of no coordinate")?;
            rows[p * moved.len() + j] = Some(row);
        }
        units.push(rows);
        let tensors = self.tensors(&columns, &units, "output");
        let hidden = self.layers[..depth].iter().map(|layer| layer.rows).collect();
        Ok((MlpSpec { hidden, activation: self.activation, residual: self.residual }, tensors))
    }
}

/// Coordinates in an order in which each comes after those it depends on, ascending where that leaves a
/// choice.
fn sorted(depends: &Sets) -> std::result::Result<Vec<usize>, String> {
    let dim = depends.dim;
    let mut missing: Vec<usize> =
        (0..dim).map(|d| depends.row(d).iter().filter(|on| **on).count()).collect();
    let mut ready: BTreeSet<usize> = (0..dim).filter(|d| missing[*d] == 0).collect();
    let mut order = Vec::with_capacity(dim);
    while let Some(d) = ready.pop_first() {
        order.push(d);
        for later in (0..dim).filter(|later| depends.row(*later)[d]) {
            missing[later] -= 1;
            if missing[later] == 0 {
                ready.insert(later);
            }
        }
    }
    match (0..dim).find(|d| missing[*d] > 0) {
        None => Ok(order),
        Some(d) => Err(format!("the masks let coordinate {d} depend on itself")),
    }
}
