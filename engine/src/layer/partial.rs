//! A layer of some coordinates: those of a range are moved as if there were no others, which stay.
//!
//! ```text
//! x_i = f⁻¹(z_a … z_{b−1})_{i−a}  for a ≤ i < b,   x_i = z_i elsewhere;      ln |det ∂z/∂x| is that of f
//! ```
//!
//! Flows of several scales are made of it (Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803, section 3.6):
//! next to the data, layers move all coordinates; what is *factored out* after them is noise already and the
//! layers nearer to the noise move the rest, at half the cost. So are flows whose coordinates lie in different
//! places, such as angles among real numbers. A layer `permute` brings coordinates side by side, which is all
//! that a squeeze of an image is.
//!
//! # Packed order
//! The layer's.

#[cfg(feature = "model")]
use alloc::format;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::{Lanes, take_mut};
#[cfg(feature = "model")]
use crate::model::{
    AnyPlainLayer, Faults, LayerPart, Packer, PlainLayerSpec, Sizes, Source, Sources, Support,
    Tensors,
};

/// A layer of the coordinates of a range; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Partial<B> {
    range: [usize; 2],
    layer: B,
}

impl<B: Bijection> Partial<B> {
    /// Of the coordinates from the first number to the one before the second; `None` if there are none.
    pub fn new(range: [usize; 2], layer: B) -> Option<Self> {
        let [first, end] = range;
        (first < end).then(|| Self::trusted(range, layer))
    }
}

impl<B> Partial<B> {
    /// A range that was checked before, by `model!` or when the model was read. A wrong one gives wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(range: [usize; 2], layer: B) -> Self {
        Self { range, layer }
    }
}

impl<B: Bijection> Bijection for Partial<B> {
    fn fits(&self, dim: usize, context: usize) -> bool {
        let [first, end] = self.range;
        first < end && end <= dim && self.layer.fits(end - first, context)
    }

    fn scratch(&self) -> usize {
        self.layer.scratch()
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        let [first, end] = self.range;
        let (x, _) = take_mut(tile.x, end);
        let (_, x) = take_mut(x, first);
        let Tile { log_prob, context, scratch, .. } = tile;
        self.layer.apply(lanes, direction, &mut Tile { x, log_prob, context, scratch });
    }
}

/// `{"kind": "partial", "range": [first, end], "layer": {"kind": "coupling", …}}`: the coordinates `first` to
/// `end − 1`, and any layer but another partial one. The tensors are the layer's, `layer.…`.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialSpec {
    /// The first coordinate, and the one after the last.
    pub range: [usize; 2],
    /// What moves them.
    pub layer: PlainLayerSpec,
}

#[cfg(feature = "model")]
impl PartialSpec {
    /// Coordinates of the range.
    pub fn len(&self) -> usize {
        let [first, end] = self.range;
        end.saturating_sub(first)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the layer is given of these sizes.
    fn sizes(&self, sizes: Sizes) -> Sizes {
        Sizes { dim: self.len(), ..sizes }
    }
}

#[cfg(feature = "model")]
impl LayerPart for PartialSpec {
    type Built<'a> = Partial<AnyPlainLayer<'a>>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        let [first, end] = self.range;
        if self.is_empty() || end > sizes.dim {
            // Of a layer nothing can be said whose size is not known.
            let expected = format!("at least one of {} coordinates, [first, end]", sizes.dim);
            faults.wrong("range", format!("[{first}, {end}]"), expected);
            return;
        }
        faults.within("layer", |faults| self.layer.check(self.sizes(sizes), faults));
    }

    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        let [first, end] = self.range;
        if let Some(moved) = supports.get_mut(first..end) {
            faults.within("layer", |faults| self.layer.supports(moved, faults));
        }
    }

    fn tensors(&self, sizes: Sizes, tensors: &mut Tensors) {
        tensors.within("layer", |tensors| self.layer.tensors(self.sizes(sizes), tensors));
    }

    fn pack(&self, sizes: Sizes, packer: &mut Packer<'_>) {
        packer.within("layer", |packer| self.layer.pack(self.sizes(sizes), packer));
    }

    fn build<'a>(&'a self, sizes: Sizes, weights: &'a [f32]) -> Self::Built<'a> {
        Partial::trusted(self.range, self.layer.build(self.sizes(sizes), weights))
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        let layer = self.layer.source(self.sizes(sizes), sources);
        sources.table(2);
        let (range, value) = (self.range, layer.value);
        Source {
            ty: format!("engine::layer::Partial<{}>", layer.ty),
            value: format!("engine::layer::Partial::trusted({range:?}, {value})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Plain, Single, Sum};
    use crate::layer::{Affine, Permute};
    use crate::simd::Scalar;

    /// What a layer makes of seven coordinates, and ln |det ∂z/∂x|.
    fn applied(layer: impl Bijection, direction: Direction) -> ([f32; 7], f32) {
        let lanes = Single::<_, Plain>::new(Scalar);
        let mut x = core::array::from_fn(|d| lanes.splat(d as f32));
        let mut scratch = [lanes.splat(f32::NAN); 7];
        let mut log_prob = Sum::zero(lanes);
        let (context, scratch) = (&[][..], &mut scratch[..]);
        let mut tile = Tile { x: &mut x, log_prob: &mut log_prob, context, scratch };
        layer.apply(lanes, direction, &mut tile);
        let [[log_det]] = log_prob.value(lanes);
        (x.map(|[[x]]| x), log_det)
    }

    #[test]
    fn what_is_outside_the_range_stays() {
        // Scales, then shifts.
        let weights = [2f32.ln(), 4f32.ln(), 0.0, 10.0, 20.0, 30.0];
        let layer = Partial::new([2, 5], Affine::new(&weights)).unwrap();
        let (x, log_det) = applied(layer, Direction::Sampling);
        let expected = [0.0, 1.0, 14.0, 32.0, 34.0, 5.0, 6.0];
        assert!(x.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-5), "{x:?}");
        assert!((log_det + 8f32.ln()).abs() < 1e-6, "{log_det}");
        let turned = Partial::new([4, 7], Permute::new(&[2, 0, 1]).unwrap()).unwrap();
        assert_eq!(applied(turned, Direction::Sampling).0, [0.0, 1.0, 2.0, 3.0, 6.0, 4.0, 5.0]);
        assert_eq!(applied(turned, Direction::Density).0, [0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 4.0]);
    }

    #[test]
    fn a_range_holds_what_its_layer_is_made_for() {
        let layer = |range| Partial::new(range, Affine::new(&[0.0f32; 6]));
        assert!(layer([3, 3]).is_none() && layer([3, 2]).is_none());
        let of_three = layer([2, 5]).unwrap();
        assert!(of_three.fits(5, 0) && of_three.fits(9, 4) && !of_three.fits(4, 0));
        assert!(!layer([2, 4]).unwrap().fits(9, 0));
        // Beyond all coordinates there is nothing to move.
        assert_eq!(applied(layer([9, 12]).unwrap(), Direction::Density).0[6], 6.0);
    }

    #[cfg(feature = "model")]
    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        use crate::layer::{CouplingSpec, LuSpec, PermuteSpec};
        use crate::model::Initial;
        use crate::network::MlpSpec;

        let found = |range, layer| {
            let mut faults = Faults::default();
            let sizes = Sizes { dim: 7, context: 1, initial: Initial::FLOW };
            faults.within("layers.3", |faults| PartialSpec { range, layer }.check(sizes, faults));
            format!("{faults}")
        };
        for [first, end] in [[2, 2], [5, 3], [0, 8], [7, 9], [0, usize::MAX], [usize::MAX, 0]] {
            let expected = format!(
                "`layers.3.range`: found [{first}, {end}], expected at least one of 7 coordinates, \
                 [first, end]"
            );
            assert_eq!(found([first, end], LuSpec {}.into()), expected);
        }
        let order = [0, 1, 2, 3].into();
        assert_eq!(
            found([2, 5], PermuteSpec { order }.into()),
            "`layers.3.layer.order`: found [0, 1, 2, 3], expected a permutation of 0 to 2"
        );
        let network = MlpSpec { hidden: [0].into(), ..Default::default() }.into();
        let univariate = crate::univariate::AffineSpec { log_scale_bound: 2.0 }.into();
        let of_seven = CouplingSpec { mask: [true; 7].into(), network, univariate };
        let message = found([2, 5], of_seven.into());
        assert!(
            message.contains("`layers.3.layer.mask`: found 7 coordinates, expected 3;"),
            "{message}"
        );
        assert!(
            message.contains("`layers.3.layer.network.hidden`: found 0, expected 1"),
            "{message}"
        );
    }
}
