//! Networks that read points of a circle.
//!
//! The ends `−B` and `B` of a circle that is cut open are one point, but to a network they are as far
//! apart as inputs can be: what it makes of them, and with it the density, jumps where the circle was
//! cut. So the network inside reads an *angle* as the point of the plane that it stands for,
//!
//! ```text
//! x  →  cos(π x/B), sin(π x/B)
//! ```
//!
//! and its outputs are periodic, to the bit. normflows' `PeriodicFeatures` are one combination of the two
//! an input; with both, a first layer has all of them. Inputs that are no angles go as they are.
//!
//! A causal network has as many inputs at each site as at any other, here two; a site that is no
//! angle's has 0 as its second.
//!
//! # Packed order
//! That of the network inside.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

#[cfg(feature = "model")]
use super::{Called, MaskedSpec, Mlp, MlpSpec, masked};
use super::{CausalNetwork, CausalSizes, Network, Turn, Visitor};
#[cfg(feature = "model")]
use crate::activation::AnyActivation;
use crate::kernel::{Lanes, take_mut};
use crate::math::cos_sin_pi;
#[cfg(feature = "model")]
use crate::model::{CausalPart, Faults, Initial, NetworkPart, Packer, Source, Sources, Tensors};
use crate::simd::Simd;

// Half circumferences are those of circular splines.
use crate::univariate::rational_quadratic::{MAX_BOUND, MIN_BOUND};

/// A network, or a causal one, that reads some of its inputs as angles; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Periodic<'a, N> {
    angles: &'a [bool],
    half_turn: f32,
    network: N,
}

/// Angles among inputs.
const fn angles_of(inputs: &[bool]) -> usize {
    inputs.len() - crate::layer::moved(inputs)
}

impl<'a, N> Periodic<'a, N> {
    /// Around a network that has two inputs for each that is an angle on the circle from `-bound` to
    /// `bound`, and one for each of the others; `None` if it has not, or if the bound is not from
    /// [`MIN_BOUND`] to [`MAX_BOUND`].
    pub fn new(angles: &'a [bool], bound: f32, network: N) -> Option<Self>
    where
        N: Network,
    {
        let fits = network.inputs() == angles.len() + angles_of(angles)
            && (MIN_BOUND..=MAX_BOUND).contains(&bound);
        fits.then(|| Self::trusted(angles, bound, network))
    }

    /// The same around a causal network, which has two inputs at each site.
    pub fn causal(angles: &'a [bool], bound: f32, network: N) -> Option<Self>
    where
        N: CausalNetwork,
    {
        let CausalSizes { sites, inputs, .. } = network.sizes();
        let fits = sites == angles.len() && inputs == 2 && (MIN_BOUND..=MAX_BOUND).contains(&bound);
        fits.then(|| Self::trusted(angles, bound, network))
    }

    /// A network whose sizes were checked before, by `model!` or when the model was read. Wrong sizes
    /// give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(angles: &'a [bool], bound: f32, network: N) -> Self {
        Self { angles, half_turn: 1.0 / bound, network }
    }

    /// What is inside reads this of an angle.
    #[inline(always)]
    fn plane<L: Lanes>(&self, lanes: L, angle: &L::V, cosine: &mut L::V, sine: &mut L::V) {
        let s = lanes.s();
        let features = cosine.as_mut().iter_mut().zip(sine.as_mut());
        for ((cosine, sine), angle) in features.zip(angle.as_ref()) {
            let [c, i] = cos_sin_pi(s, s.mul(s.load(angle), s.splat(self.half_turn)));
            s.store(c, cosine);
            s.store(i, sine);
        }
    }
}

impl<N: Network> Network for Periodic<'_, N> {
    fn inputs(&self) -> usize {
        self.angles.len()
    }

    fn outputs(&self) -> usize {
        self.network.outputs()
    }

    fn scratch(&self) -> usize {
        self.network.scratch()
    }

    #[inline(always)]
    fn run<'s, L: Lanes>(
        &self,
        lanes: L,
        scratch: &'s mut [L::V],
    ) -> (&'s mut [L::V], &'s mut [L::V]) {
        // From the last one on, so that nothing is overwritten that is still to be read.
        let mut end = self.angles.len() + angles_of(self.angles);
        for (i, angle) in self.angles.iter().enumerate().rev() {
            let Some(value) = scratch.get(i).copied() else { continue };
            end -= if *angle { 2 } else { 1 };
            match take_mut(scratch, end).1 {
                [cosine, sine, ..] if *angle => self.plane(lanes, &value, cosine, sine),
                [to, ..] => *to = value,
                [] => {}
            }
        }
        self.network.run(lanes, scratch)
    }
}

impl<N: CausalNetwork> CausalNetwork for Periodic<'_, N> {
    #[inline(always)]
    fn sizes(&self) -> CausalSizes {
        CausalSizes { inputs: 1, ..self.network.sizes() }
    }

    /// The inputs of the network inside, and what it needs.
    #[inline(always)]
    fn scratch(&self) -> usize {
        2 * self.angles.len() + self.network.scratch()
    }

    #[inline(always)]
    fn walk<L: Lanes>(
        &self,
        lanes: L,
        visitor: &mut impl Visitor<L>,
        context: &[L::V],
        inputs: &mut [L::V],
        scratch: &mut [L::V],
    ) {
        let (features, scratch) = take_mut(scratch, 2 * self.angles.len());
        let mut sites = Sites { periodic: self, visitor, inputs };
        self.network.walk(lanes, &mut sites, context, features, scratch);
    }
}

/// A visitor of sites of one input each, where the walk has two.
struct Sites<'v, 'p, L: Lanes, N, V> {
    periodic: &'v Periodic<'p, N>,
    visitor: &'v mut V,
    inputs: &'v mut [L::V],
}

impl<L: Lanes, N, V: Visitor<L>> Visitor<L> for Sites<'_, '_, L, N, V> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 2] {
        [2, self.visitor.sizes()[1]]
    }

    #[inline(always)]
    fn site(&mut self, lanes: L, at: Turn, outputs: &mut [L::V], features: &mut [L::V]) {
        let site = at.site;
        let own = take_mut(take_mut(self.inputs, site).1, 1).0;
        self.visitor.site(lanes, at, outputs, own);
        let angle = self.periodic.angles.get(site).copied().unwrap_or(false);
        if let ([value], [first, second]) = (own, features) {
            if angle {
                self.periodic.plane(lanes, value, first, second);
            } else {
                *first = *value;
                let s = lanes.s();
                for to in second.as_mut() {
                    s.store(s.splat(0.0), to);
                }
            }
        }
    }
}

/// `{"kind": "periodic", "angles": "0110", "bound": B, "network": {"hidden": …}}`: the inputs that are
/// angles on the circle from `-B` to `B` (`1` in the file), and the network that reads the points that
/// they stand for, without its kind: an `mlp`, or `masked` in an autoregressive layer. Of an `mlp` inputs
/// are those of the context and then the coordinates; of `masked` they are coordinates in the order of
/// the layer. The tensors are the network's.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodicSpec<N> {
    /// Per input: whether it is an angle.
    #[serde(with = "crate::model::mask_text")]
    pub angles: Vec<bool>,
    /// Half the circumference of their circle.
    pub bound: f32,
    /// What reads them.
    pub network: N,
}

#[cfg(feature = "model")]
impl<N> PeriodicSpec<N> {
    fn check_angles(&self, inputs: usize, faults: &mut Faults) {
        if self.angles.len() != inputs {
            let (found, expected) = (self.angles.len(), inputs);
            faults.wrong("angles", format!("{found} inputs"), expected);
        } else if angles_of(&self.angles) == 0 {
            faults.wrong("angles", "all zeros", "at least one angle");
        }
        if !(MIN_BOUND..=MAX_BOUND).contains(&self.bound) {
            faults.wrong("bound", self.bound, format!("{MIN_BOUND} to {MAX_BOUND}"));
        }
    }

    /// Around the network inside, as Rust.
    fn around(&self, network: Source, sources: &mut Sources) -> Source {
        sources.table_bytes(self.angles.len());
        sources.table(3);
        sources.code("periodic", 1);
        let Self { angles, bound, .. } = self;
        let path = "engine::network::Periodic";
        Source {
            ty: format!("{path}<'static, {}>", network.ty),
            value: format!("{path}::trusted(&{angles:?}, {bound:?}, {})", network.value),
        }
    }
}

/// A perceptron of angles of which nothing is known but what was read.
#[cfg(feature = "model")]
pub type AnyPeriodic<'a> = Called<Periodic<'a, Mlp<'a, &'a [f32], AnyActivation>>>;

/// The same of a masked network.
#[cfg(feature = "model")]
pub type AnyCausalPeriodic<'a> = Called<Periodic<'a, masked::AnyOther<'a>>>;

#[cfg(feature = "model")]
impl NetworkPart for PeriodicSpec<MlpSpec> {
    type Built<'a> = AnyPeriodic<'a>;

    fn check(&self, inputs: usize, faults: &mut Faults) {
        self.check_angles(inputs, faults);
        faults.within("network", |faults| self.network.check(inputs, faults));
    }

    fn tensors(&self, inputs: usize, outputs: usize, initial: Initial, tensors: &mut Tensors) {
        self.network.tensors(inputs + angles_of(&self.angles), outputs, initial, tensors);
    }

    fn pack(&self, inputs: usize, outputs: usize, packer: &mut Packer<'_>) {
        self.network.pack(inputs + angles_of(&self.angles), outputs, packer);
    }

    fn build<'a>(&'a self, inputs: usize, outputs: usize, weights: &'a [f32]) -> Self::Built<'a> {
        let Called(network) =
            self.network.build(inputs + angles_of(&self.angles), outputs, weights);
        Called(Periodic::trusted(&self.angles, self.bound, network))
    }

    fn source(&self, inputs: usize, outputs: usize, sources: &mut Sources) -> Source {
        let network = self.network.source(inputs + angles_of(&self.angles), outputs, sources);
        self.around(network, sources)
    }
}

#[cfg(feature = "model")]
impl CausalPart for PeriodicSpec<MaskedSpec> {
    type Built<'a> = AnyCausalPeriodic<'a>;

    fn check(&self, sites: usize, faults: &mut Faults) {
        self.check_angles(sites, faults);
        faults.within("network", |faults| self.network.check(sites, faults));
    }

    fn tensors(&self, sizes: CausalSizes, initial: Initial, tensors: &mut Tensors) {
        self.network.tensors(doubled(sizes), initial, tensors);
    }

    fn pack(&self, sizes: CausalSizes, packer: &mut Packer<'_>) {
        self.network.pack(doubled(sizes), packer);
    }

    fn build<'a>(&'a self, sizes: CausalSizes, weights: &'a [f32]) -> Self::Built<'a> {
        let network = self.network.other(doubled(sizes), weights);
        Called(Periodic::trusted(&self.angles, self.bound, network))
    }

    fn source(&self, sizes: CausalSizes, sources: &mut Sources) -> Source {
        let network = self.network.source(doubled(sizes), sources);
        self.around(network, sources)
    }
}

/// The sizes of the network inside.
#[cfg(feature = "model")]
fn doubled(sizes: CausalSizes) -> CausalSizes {
    CausalSizes { inputs: 2 * sizes.inputs, ..sizes }
}
