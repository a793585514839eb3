//! A model loaded at run time, run by the same kernels as a compiled one.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;

use super::catalogue::{
    AnyBase, AnyCalled, AnyConstraint, AnyLayer, AnyNetwork, AnySitesNetwork, WithConditional,
};
use super::{
    Arithmetic, BasePart, CausalPart, Description, EmbeddingSpec, LayerPart, Model, ModelError,
    NetworkPart, SitesSpec, Symmetry,
};
use crate::bijection::Bijection;
use crate::conditional::{Conditional, Tabulated};
use crate::constraint::{Constraint, ConstraintPart, Free};
use crate::distribution::{self, Distribution, Draws, Given};
use crate::domain::{Domain, Rows, RowsMut, Value};
use crate::embedding::{Embedded, embed};
use crate::flow::Flow;
use crate::kernel::{Arith, Fused, Lanes, Plain};
use crate::network::{AnyInteger, AnyMasked, Called, CausalNetwork, Network};
use crate::noise::{Noise, Stream};
use crate::simd::Level;
use crate::sites::Sites;
use crate::symmetry::{self, Group, Z2};

/// Draws exact samples of a loaded model and scores rows, at the widest SIMD level of the CPU.
///
/// It holds packed weights and no state, so threads can share it. Each call allocates its scratch;
/// give it hundreds of rows at a time where speed matters.
#[derive(Clone, Debug)]
pub struct Sampler {
    model: Arc<Loaded>,
    arithmetic: Arithmetic,
    level: Level,
}

/// What kernels borrow.
#[derive(Debug)]
struct Packed {
    description: Description,
    weights: Aligned,
}

/// The kernels of a distribution, but for its conditional, whose type the others' depend on.
#[derive(Debug)]
enum Kernels<'a> {
    /// In either arithmetic of floats.
    Floats(Floats<'a>),
    Integers {
        network: AnyInteger<'a>,
        constraint: Option<AnyConstraint<'a>>,
        wrappers: Wrappers<'a>,
    },
}

/// What a distribution over sites is wrapped in, from the outside in.
#[derive(Clone, Copy, Debug)]
struct Wrappers<'a> {
    embedding: Option<AnyNetwork<'a>>,
    group: Option<Group>,
    symmetry: Symmetry,
}

#[derive(Debug)]
enum Floats<'a> {
    Flow {
        embedding: Option<AnyNetwork<'a>>,
        base: AnyBase<'a>,
        layers: Vec<AnyLayer<'a>>,
        /// Coordinates, context, scratch.
        sizes: [usize; 3],
    },
    Masked(OverSites<'a, AnyMasked<'a>>),
    Called(OverSites<'a, AnyCalled<'a>>),
}

/// A distribution over sites, but for its conditional.
#[derive(Debug)]
struct OverSites<'a, N> {
    wrappers: Wrappers<'a>,
    network: N,
    constraint: Option<AnyConstraint<'a>>,
    spec: &'a SitesSpec,
}

self_cell::self_cell!(
    /// Kernels beside what they borrow: to make them anew costs a single row as much as two layers.
    struct Loaded {
        owner: Packed,
        #[covariant]
        dependent: Kernels,
    }

    impl {Debug}
);

impl<'a> Kernels<'a> {
    fn new(packed: &'a Packed) -> Self {
        let Packed { description, weights } = packed;
        let (mut weights, lengths) = (weights.as_ref(), description.lengths());
        let mut lengths = lengths.into_iter();
        // The order of the parts is that of `Description::parts`.
        let mut next = || {
            let (now, later) = weights.split_at(lengths.next().unwrap_or(0));
            weights = later;
            now
        };
        let embed = |spec: &'a EmbeddingSpec| {
            spec.network.build(description.context(), spec.outputs, next())
        };
        let embedding = description.embedding().map(embed);
        match description {
            Description::Sites(spec) => {
                let [sites, values] = spec.constrained();
                let constraint = spec.constraint.as_ref().map(|k| k.build(sites, values));
                let wrappers = Wrappers { embedding, group: spec.group(), symmetry: spec.symmetry };
                let called = |network| {
                    let sites = OverSites { wrappers, network, constraint, spec };
                    Kernels::Floats(Floats::Called(sites))
                };
                match spec.network.build(spec.sizes(), next()) {
                    AnySitesNetwork::Masked(network) => {
                        let sites = OverSites { wrappers, network, constraint, spec };
                        Kernels::Floats(Floats::Masked(sites))
                    }
                    AnySitesNetwork::Multilevel(network) => called(AnyCalled::Multilevel(network)),
                    AnySitesNetwork::Convolution(network) => {
                        called(AnyCalled::Convolution(network))
                    }
                    AnySitesNetwork::Integer(network) => {
                        Kernels::Integers { network, constraint, wrappers }
                    }
                }
            }
            Description::Flow(spec) => {
                let sizes = spec.sizes();
                let base = spec.base.build(sizes.dim, next());
                let layers: Vec<_> =
                    spec.layers.iter().map(|layer| layer.build(sizes, next())).collect();
                let sizes = [sizes.dim, sizes.context, layers[..].scratch()];
                Kernels::Floats(Floats::Flow { embedding, base, layers, sizes })
            }
        }
    }
}

/// Something to do with a model's concrete type.
trait Use {
    type Output;
    fn with<D: Distribution>(self, model: &D) -> Self::Output;
}

struct Draw<'a, N> {
    level: Level,
    noise: &'a mut N,
    first: u64,
    context: &'a [f32],
    rows: RowsMut<'a>,
    log_prob: Option<&'a mut [f32]>,
    /// Whether log-probabilities are those of the rounded rows.
    scored: bool,
}

impl<N: Noise> Use for Draw<'_, N> {
    type Output = Result<(), distribution::Error>;
    fn with<D: Distribution>(self, model: &D) -> Self::Output {
        let Self { level, noise, first, context, rows, log_prob, scored } = self;
        let n = rows.len().checked_div(model.dim()).unwrap_or(0);
        let mut scratch = Aligned::new(distribution::scratch_len(model, level, n));
        let (given, scratch) = (Given { model, context }, scratch.as_mut());
        match log_prob {
            Some(log_prob) if scored => distribution::sample_scored_rows(
                given, level, noise, first, rows, log_prob, scratch,
            ),
            log_prob => {
                distribution::sample_rows(given, level, noise, first, rows, log_prob, scratch)
            }
        }
    }
}

struct Score<'a> {
    level: Level,
    context: &'a [f32],
    rows: Rows<'a>,
    out: &'a mut [f32],
}

impl Use for Score<'_> {
    type Output = Result<(), distribution::Error>;
    fn with<D: Distribution>(self, model: &D) -> Self::Output {
        let Self { level, context, rows, out } = self;
        let mut scratch = Aligned::new(distribution::scratch_len(model, level, out.len()));
        let given = Given { model, context };
        distribution::log_prob_rows(given, level, rows, out, scratch.as_mut())
    }
}

/// Drawing and scoring given a context: that of one row for all, or one a row. What is said of the
/// methods of [`Sampler`] holds for these.
impl Given<'_, Sampler> {
    /// [`Sampler::sample`].
    ///
    /// # Panics
    /// As [`Sampler::sample`], and if the context has not the right number of values.
    pub fn sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) {
        match self.try_sample(seed, first, rows, log_prob) {
            Ok(()) | Err(distribution::Error::NotFinite { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// [`Sampler::try_sample`].
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        self.sample_stream(seed, first, X::rows_mut(rows), log_prob, false)
    }

    /// [`Sampler::try_sample_scored`].
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_scored<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.sample_stream(seed, first, X::rows_mut(rows), Some(log_prob), true)
    }

    /// Not generic, so that the kernels are compiled in this crate and not in every user's.
    fn sample_stream(
        &self,
        seed: u64,
        first: u64,
        rows: RowsMut<'_>,
        log_prob: Option<&mut [f32]>,
        scored: bool,
    ) -> Result<(), distribution::Error> {
        let (level, context, noise) = (self.model.level, self.context, &mut Stream::new(seed));
        self.model.with(Draw { level, noise, first, context, rows, log_prob, scored })
    }

    /// [`Sampler::try_sample_with`].
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_with<X: Value, N: Noise>(
        &self,
        noise: &mut N,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        let (level, context, rows) = (self.model.level, self.context, X::rows_mut(rows));
        self.model.with(Draw { level, noise, first, context, rows, log_prob, scored: false })
    }

    /// [`Sampler::log_prob`].
    ///
    /// # Panics
    /// As [`Sampler::log_prob`], and if the context has not the right number of values.
    pub fn log_prob<X: Value>(&self, rows: &[X], out: &mut [f32]) {
        if let Err(error) = self.try_log_prob(rows, out) {
            panic!("{error}");
        }
    }

    /// [`Sampler::try_log_prob`].
    ///
    /// # Errors
    /// Buffers of the wrong length.
    pub fn try_log_prob<X: Value>(
        &self,
        rows: &[X],
        out: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.score_rows(X::rows(rows), out)
    }

    fn score_rows(&self, rows: Rows<'_>, out: &mut [f32]) -> Result<(), distribution::Error> {
        let (level, context) = (self.model.level, self.context);
        self.model.with(Score { level, context, rows, out })
    }
}

impl Sampler {
    pub(super) fn new(model: &Model) -> Result<Self, ModelError> {
        let description = model.description().clone();
        let packed = model.packed();
        let expected = description.packed_len();
        if packed.len() != expected {
            return Err(ModelError::Parameters { found: packed.len(), expected });
        }
        let mut weights = Aligned::new(packed.len());
        weights.as_mut().copy_from_slice(&packed);
        let (level, arithmetic) = (Level::best(), model.arithmetic());
        let model = Packed { description, weights };
        let model = Arc::new(Loaded::new(model, |packed| Kernels::new(packed)));
        Ok(Self { model, arithmetic, level })
    }

    /// The same sampler at another level; the bits are equal.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Values in a sample.
    pub fn dim(&self) -> usize {
        self.model.borrow_owner().description.dim()
    }

    /// Values of context that a sample is conditioned on.
    pub fn context(&self) -> usize {
        self.model.borrow_owner().description.context()
    }

    /// The sampler given the context of one row, for all rows, or one context a row.
    pub fn given<'a>(&'a self, context: &'a [f32]) -> Given<'a, Self> {
        Given { model: self, context }
    }

    /// Draws samples `first, first + 1, …` of the stream `seed` into `rows` (row-major, `dim`
    /// values each) and, if asked, their log-probabilities (nats, one a row). A draw that overflowed
    /// has NaN as its log-probability; [`Sampler::try_sample`] says which was the first.
    ///
    /// # Panics
    /// If `rows` is not a whole number of samples, `log_prob` not one value a row, the rows'
    /// elements do not hold the values, or the model has a context: mistakes of the calling program.
    /// See [`Sampler::try_sample`] for the form that returns them.
    pub fn sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) {
        self.given(&[]).sample(seed, first, rows, log_prob);
    }

    /// [`Sampler::sample`] with wrong buffers and draws that overflowed as errors.
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        self.given(&[]).try_sample(seed, first, rows, log_prob)
    }

    /// [`Sampler::try_sample`] with the log-probability (nats) of each row *as it was rounded*: the
    /// bits of [`Sampler::log_prob`], at the cost of a draw and a score. For spins they are those of
    /// the draw itself.
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_scored<X: Value>(
        &self,
        seed: u64,
        first: u64,
        rows: &mut [X],
        log_prob: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.given(&[]).try_sample_scored(seed, first, rows, log_prob)
    }

    /// [`Sampler::try_sample`] from any [`Noise`].
    ///
    /// # Errors
    /// As [`distribution::sample`].
    pub fn try_sample_with<X: Value, N: Noise>(
        &self,
        noise: &mut N,
        first: u64,
        rows: &mut [X],
        log_prob: Option<&mut [f32]>,
    ) -> Result<(), distribution::Error> {
        self.given(&[]).try_sample_with(noise, first, rows, log_prob)
    }

    /// The log-probability (nats) of each of `rows` (row-major, `dim` values each) into `out`; −∞
    /// for a row that the model cannot draw.
    ///
    /// # Panics
    /// If `rows` is not a whole number of samples or `out` not one value a row.
    pub fn log_prob<X: Value>(&self, rows: &[X], out: &mut [f32]) {
        self.given(&[]).log_prob(rows, out);
    }

    /// [`Sampler::log_prob`] with wrong buffer lengths as errors.
    ///
    /// # Errors
    /// Buffers of the wrong length.
    pub fn try_log_prob<X: Value>(
        &self,
        rows: &[X],
        out: &mut [f32],
    ) -> Result<(), distribution::Error> {
        self.given(&[]).try_log_prob(rows, out)
    }

    fn with<U: Use>(&self, then: U) -> U::Output {
        match (self.model.borrow_dependent(), self.arithmetic) {
            // What floats there are round as under `plain`, for which their kernels are there.
            (Kernels::Integers { network, constraint: None, wrappers }, _) => {
                let sites = Sites::<_, _, Plain>::trusted(*network, Tabulated::<false>);
                then.with(&Wrapped::new(*wrappers, sites))
            }
            (Kernels::Integers { network, constraint: Some(constraint), wrappers }, _) => {
                let sites = Sites::<_, _, Plain, _>::trusted_within(
                    *network,
                    Tabulated::<true>,
                    *constraint,
                );
                then.with(&Wrapped::new(*wrappers, sites))
            }
            (Kernels::Floats(floats), Arithmetic::Fused) => floats.with::<Fused, U>(then),
            (Kernels::Floats(floats), _) => floats.with::<Plain, U>(then),
        }
    }
}

impl Floats<'_> {
    fn with<A: Arith, U: Use>(&self, then: U) -> U::Output {
        match self {
            Floats::Masked(sites) => sites.with::<A, U>(then),
            Floats::Called(sites) => sites.with::<A, U>(then),
            Floats::Flow { embedding, base, layers, sizes } => {
                let flow = Flow::<_, _, A>::trusted(*sizes, *base, &layers[..]);
                match embedding {
                    None => then.with(&flow),
                    Some(network) => then.with(&Embedded::trusted(*network, flow)),
                }
            }
        }
    }
}

impl<N: CausalNetwork + Copy> OverSites<'_, N> {
    fn with<A: Arith, U: Use>(&self, then: U) -> U::Output {
        let Self { spec, network, wrappers, .. } = *self;
        let arith = PhantomData::<A>;
        match self.constraint {
            None => {
                let constraint = Free;
                spec.conditional.with(OfSites { network, constraint, wrappers, arith, then })
            }
            Some(constraint) => {
                // Called: walks in which values are closed are as much to compile as all others together. It
                // costs a single row 4 %.
                let network = Called(network);
                let then = OfSites { network, constraint, wrappers, arith, then };
                spec.conditional.with_closed(then).expect("validated when the model was built")
            }
        }
    }
}

/// What a distribution over sites is made of, but for its conditional.
struct OfSites<'a, N, K, A, U> {
    network: N,
    constraint: K,
    wrappers: Wrappers<'a>,
    arith: PhantomData<A>,
    then: U,
}

impl<N: CausalNetwork, K: Constraint, A: Arith, U: Use> WithConditional
    for OfSites<'_, N, K, A, U>
{
    type Output = U::Output;
    fn with<C: Conditional>(self, conditional: C) -> U::Output {
        let Self { network, constraint, wrappers, then, .. } = self;
        let sites = Sites::<_, _, A, _>::trusted_within(network, conditional, constraint);
        then.with(&Wrapped::new(wrappers, sites))
    }
}

/// A distribution over sites with the wrappers that a file may give it. A compiled model has the types of
/// those it has; here all choices are one program.
struct Wrapped<'a, D> {
    embedding: Option<AnyNetwork<'a>>,
    group: Option<Group>,
    model: Even<D>,
}

/// What is wrapped, and whether it is made even.
struct Even<D> {
    symmetry: Symmetry,
    model: Z2<D>,
}

impl<'a, D: Distribution> Wrapped<'a, D> {
    fn new(wrappers: Wrappers<'a>, model: D) -> Self {
        let Wrappers { embedding, symmetry, group } = wrappers;
        Self { embedding, group, model: Even { symmetry, model: Z2(model) } }
    }

    /// The context that the model reads, and the scratch that is left.
    #[inline(always)]
    fn embed<'s, L: Lanes>(
        &self,
        lanes: L,
        context: &'s [L::V],
        scratch: &'s mut [L::V],
    ) -> (&'s [L::V], &'s mut [L::V]) {
        match &self.embedding {
            None => (context, scratch),
            Some(network) => embed(network, lanes, context, scratch),
        }
    }
}

impl<D: Distribution> Distribution for Wrapped<'_, D> {
    type Arith = D::Arith;
    const CATEGORIES: bool = D::CATEGORIES;

    fn domain(&self) -> Domain<'_> {
        self.model.domain()
    }

    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn context(&self) -> usize {
        match &self.embedding {
            None => self.model.context(),
            Some(network) => network.inputs(),
        }
    }

    fn scratch(&self) -> usize {
        let images = self.group.map_or(0, |group| symmetry::scratch(&group, self.dim()));
        let model = images + self.model.scratch();
        match &self.embedding {
            None => model,
            Some(network) => network.outputs() + network.scratch().max(model),
        }
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        context: &[L::V],
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        let (context, scratch) = self.embed(lanes, context, scratch);
        let (model, want) = (&self.model, want_log_prob);
        match &self.group {
            None => model.draw(lanes, draws, context, x, want, scratch),
            Some(group) => symmetry::draw(model, group, lanes, draws, context, x, want, scratch),
        }
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        let (context, scratch) = self.embed(lanes, context, scratch);
        match &self.group {
            None => self.model.score(lanes, context, x, scratch),
            Some(group) => symmetry::score(&self.model, group, lanes, context, x, scratch),
        }
    }
}

impl<D: Distribution> Even<D> {
    /// Of a symmetry of spins there is no code for categories.
    #[inline(always)]
    fn is_even(&self) -> bool {
        !D::CATEGORIES && self.symmetry == Symmetry::Z2
    }
}

impl<D: Distribution> Distribution for Even<D> {
    type Arith = D::Arith;
    const CATEGORIES: bool = D::CATEGORIES;

    fn domain(&self) -> Domain<'_> {
        self.model.domain()
    }

    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn context(&self) -> usize {
        self.model.context()
    }

    fn scratch(&self) -> usize {
        self.model.scratch()
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        context: &[L::V],
        x: &mut [L::V],
        want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        if self.is_even() {
            self.model.draw(lanes, draws, context, x, want_log_prob, scratch)
        } else {
            self.model.0.draw(lanes, draws, context, x, want_log_prob, scratch)
        }
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        if self.is_even() {
            self.model.score(lanes, context, x, scratch)
        } else {
            self.model.0.score(lanes, context, x, scratch)
        }
    }
}

/// Floats that start on a cache line, so that no vector load crosses one.
#[derive(Debug)]
struct Aligned {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        const LINE: usize = 64;
        let buffer = vec![0.0; len + LINE / size_of::<f32>()];
        let start = buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { buffer, start, len }
    }

    fn as_ref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }

    fn as_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
