//! The mean over the group of a lattice.

#[cfg(feature = "model")]
use alloc::{format, string::ToString};

use crate::distribution::{Distribution, Draws};
use crate::domain::Domain;
#[cfg(feature = "model")]
use crate::domain::Kind;
use crate::kernel::{Lanes, take_mut};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// Elements of the largest group.
pub const MOST_ELEMENTS: u32 = 8192;

/// Values that [`Values::Permutations`] permutes at most.
pub const MOST_COLOURS: usize = 5;

/// Maps of a site's value, the same at every site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "model", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "model", serde(rename_all = "lowercase"))]
pub enum Values {
    /// None but the identity.
    #[default]
    Same,
    /// The order turned round: a spin is flipped, category `c` of `n` is `n − 1 − c`.
    Reversal,
    /// `c + k mod n`, of categories: a clock's rotations.
    Cyclic,
    /// All permutations, of at most [`MOST_COLOURS`] categories.
    Permutations,
}

/// A group of transformations of the rows of a chain or a periodic lattice: first the point group, then
/// translations, then the map of values. As translations are a normal subgroup and maps of values do not care
/// for places, all of these together are a group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Rows and columns; a chain is one row.
    extents: [u32; 2],
    translations: bool,
    point: bool,
    values: Values,
    /// Categories of a site; 0 for spins.
    categories: u32,
}

/// An element of a group.
#[derive(Clone, Copy, Debug)]
struct Element {
    transposed: bool,
    mirrored: [bool; 2],
    shift: [u32; 2],
    flipped: bool,
    /// What each category becomes.
    rotation: u32,
    permutation: [u8; MOST_COLOURS],
}

impl Group {
    /// The translations of rows and columns of these extents, their point group (of a square 8 elements, of
    /// another rectangle 4, of a chain, which is one row, 2), and maps of values, of which a site has so many
    /// categories, 0 for spins.
    ///
    /// `None` if it has more than [`MOST_ELEMENTS`] elements or an extent of 0, for spins with other maps
    /// than [`Values::Reversal`], and for too many colours.
    pub const fn new(
        extents: [u32; 2],
        translations: bool,
        point: bool,
        values: Values,
        categories: u32,
    ) -> Option<Self> {
        let fits = match values {
            Values::Same | Values::Reversal => true,
            Values::Cyclic => categories > 0,
            Values::Permutations => categories > 0 && categories as usize <= MOST_COLOURS,
        };
        let group = Self::trusted(extents, translations, point, values, categories);
        match group.count() {
            Some(1..=MOST_ELEMENTS) if fits => Some(group),
            _ => None,
        }
    }

    /// A group whose sizes were checked before. Wrong ones give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(
        extents: [u32; 2],
        translations: bool,
        point: bool,
        values: Values,
        categories: u32,
    ) -> Self {
        Self { extents, translations, point, values, categories }
    }

    /// Its elements.
    pub const fn order(&self) -> u32 {
        match self.count() {
            Some(n) if n <= MOST_ELEMENTS => n,
            _ => 1,
        }
    }

    const fn count(&self) -> Option<u32> {
        let Some(places) = self.places().checked_mul(self.points()) else { return None };
        places.checked_mul(self.maps())
    }

    const fn places(&self) -> u32 {
        let [rows, columns] = self.extents;
        match (self.translations, rows.checked_mul(columns)) {
            (true, Some(places)) => places,
            (true, None) => u32::MAX,
            (false, _) => 1,
        }
    }

    const fn points(&self) -> u32 {
        let [rows, columns] = self.extents;
        match self.point {
            false => 1,
            true if rows == 1 => 2,
            true if rows == columns => 8,
            true => 4,
        }
    }

    const fn maps(&self) -> u32 {
        match self.values {
            Values::Same => 1,
            Values::Reversal => 2,
            Values::Cyclic => self.categories,
            Values::Permutations => {
                let (mut product, mut n) = (1, 2);
                while n <= self.categories && n <= MOST_COLOURS as u32 {
                    product *= n;
                    n += 1;
                }
                product
            }
        }
    }

    /// Element number `index`; 0 is the identity.
    fn element(&self, index: u32) -> Element {
        let (maps, points) = (self.maps().max(1), self.points());
        let (map, index) = (index % maps, index / maps);
        let (point, place) = (index % points, index / points);
        let columns = self.extents[1].max(1);
        let mut permutation = [0, 1, 2, 3, 4];
        let mut rotation = 0;
        match self.values {
            Values::Same | Values::Reversal => {}
            Values::Cyclic => rotation = map,
            Values::Permutations => {
                // The digits of a number in the base of factorials are the swaps of a shuffle; 0 is none.
                let mut rest = map;
                for i in 1..(self.categories as usize).min(MOST_COLOURS) {
                    let swapped = i - (rest % (i as u32 + 1)) as usize;
                    // `swap` could panic.
                    if let Ok([a, b]) = permutation.get_disjoint_mut([i, swapped]) {
                        core::mem::swap(a, b);
                    }
                    rest /= i as u32 + 1;
                }
            }
        }
        Element {
            transposed: point & 4 != 0,
            mirrored: [point & 2 != 0, point & 1 != 0],
            shift: [place / columns, place % columns],
            flipped: self.values == Values::Reversal && map == 1,
            rotation,
            permutation,
        }
    }

    /// Calls with each place of the row that an element makes, and the place that is moved there.
    #[inline(always)]
    fn each(&self, element: &Element, mut then: impl FnMut(usize, usize)) {
        let [rows, columns] = self.extents;
        let [down, right] = element.shift;
        let turned = |at: u32, extent: u32, mirrored: bool| {
            if mirrored { extent.wrapping_sub(1).wrapping_sub(at) } else { at }
        };
        let mut to = 0;
        let mut y = down;
        for _ in 0..rows {
            let mut x = right;
            for _ in 0..columns {
                let [up, along] =
                    [turned(y, rows, element.mirrored[0]), turned(x, columns, element.mirrored[1])];
                let [up, along] = if element.transposed { [along, up] } else { [up, along] };
                then(to, up.wrapping_mul(columns).wrapping_add(along) as usize);
                to += 1;
                x = if x + 1 == columns { 0 } else { x + 1 };
            }
            y = if y + 1 == rows { 0 } else { y + 1 };
        }
    }

    /// What a value becomes.
    #[inline(always)]
    fn value(&self, element: &Element, x: f32) -> f32 {
        if self.categories == 0 {
            return if element.flipped { -x } else { x };
        }
        let n = self.categories;
        let c = x as u32;
        let c = match self.values {
            Values::Same => return x,
            Values::Reversal if element.flipped => n.wrapping_sub(1).wrapping_sub(c),
            Values::Reversal => c,
            Values::Cyclic => {
                let turned = c.wrapping_add(element.rotation);
                if turned >= n { turned.wrapping_sub(n) } else { turned }
            }
            Values::Permutations => {
                element.permutation.get(c as usize).map_or(0, |c| u32::from(*c))
            }
        };
        c as f32
    }
}

impl Group {
    /// The image of a row under element number `index`, of `order()`; 0 is the identity. Rows of another length
    /// than there are sites give what fits.
    pub fn image(&self, index: u32, row: &[f32], image: &mut [f32]) {
        let element = self.element(index);
        self.each(&element, |to, from| {
            if let (Some(to), Some(from)) = (image.get_mut(to), row.get(from)) {
                *to = self.value(&element, *from);
            }
        });
    }
}

/// Which element a row is transformed by.
enum By<V> {
    /// Every row by this one.
    One(u32),
    /// Each by its own, which these words of noise choose.
    Words(V),
}

/// The images of rows.
struct Act<'a, L: Lanes> {
    lanes: L,
    group: &'a Group,
    by: By<L::V>,
    from: &'a [L::V],
    to: &'a mut [L::V],
}

impl<L: Lanes> Kernel for Act<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, group, by, from, to } = self;
        match by {
            // Of categories lane by lane: a table of them is no vector.
            By::One(number) => {
                let element = group.element(number);
                let s = lanes.s();
                let sign = s.splat_u(if element.flipped { 0x8000_0000 } else { 0 });
                group.each(&element, |here, there| {
                    let (Some(to), Some(from)) = (to.get_mut(here), from.get(there)) else {
                        return;
                    };
                    for (to, from) in to.as_mut().iter_mut().zip(from.as_ref()) {
                        if group.categories == 0 || group.values == Values::Same {
                            s.store(s.from_bits(s.xor(s.bits(s.load(from)), sign)), to);
                        } else {
                            for (to, from) in to.as_mut().iter_mut().zip(from.as_ref()) {
                                *to = group.value(&element, *from);
                            }
                        }
                    }
                });
            }
            By::Words(words) => {
                let order = u64::from(group.order());
                for (r, words) in words.as_ref().iter().enumerate() {
                    for (l, word) in words.as_ref().iter().enumerate() {
                        let number = (u64::from(word.to_bits()) * order) >> 32;
                        let element = group.element(number as u32);
                        group.each(&element, |here, there| {
                            let lane = |x: &L::V| Some(*x.as_ref().get(r)?.as_ref().get(l)?);
                            let Some(from) = from.get(there).and_then(lane) else { return };
                            let to = to.get_mut(here).and_then(|to| to.as_mut().get_mut(r));
                            if let Some(to) = to.and_then(|to| to.as_mut().get_mut(l)) {
                                *to = group.value(&element, from);
                            }
                        });
                    }
                }
            }
        }
    }
}

/// Bits that the integers of [`Mean`] leave to the sum of as many as there may be.
const SPARE: u32 = MOST_ELEMENTS.ilog2() + 1;

/// The logarithm of the mean of exponentials. They are added up as integers, in two words, so that the sum has no
/// order: all rows of an orbit have the same bits.
struct Mean<'a, L: Lanes> {
    lanes: L,
    scores: &'a mut [L::V],
}

impl<L: Lanes> Kernel for Mean<'_, L> {
    type Output = L::V;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> L::V {
        let Self { lanes, scores } = self;
        let s = lanes.s();
        let unit = (1u32 << (31 - SPARE)) as f32;
        let (zero, scale, none) = (s.splat(0.0), s.splat(unit), s.splat(f32::NEG_INFINITY));
        let number = math::ln(s, s.splat(scores.len() as f32));
        let mut out = lanes.splat(0.0);
        for (r, out) in out.as_mut().iter_mut().enumerate() {
            let column = || scores.iter().filter_map(|score| score.as_ref().get(r));
            let mut most = none;
            for score in column() {
                let score = s.load(score);
                most = s.select(s.lt(most, score), score, most);
            }
            let mut sums = [s.splat_u(0); 2];
            for score in column() {
                let gap = s.sub(s.load(score), most);
                // Of rows that are all impossible there is no difference.
                let gap = s.select(s.lt(none, most), gap, zero);
                let term = s.mul(math::exp(s, gap), scale);
                let whole = s.trunc_to_i32(term);
                let rest = s.mul(s.sub(term, s.i32_to_float(whole)), scale);
                sums = [s.add_u(sums[0], whole), s.add_u(sums[1], s.trunc_to_i32(rest))];
            }
            let inverse = s.splat(1.0 / unit);
            let [whole, rest] = sums.map(|sum| s.mul(s.i32_to_float(sum), inverse));
            let sum = s.add(whole, s.mul(rest, inverse));
            s.store(s.add(most, s.sub(math::ln(s, sum), number)), out);
        }
        out
    }
}

/// The mean of a distribution over a [`Group`]; see [`symmetry`](super).
///
/// The noise word of the element is number `dim + 1`, after those of the sites and of [`Z2`](super::Z2): element
/// `⌊word · |G| / 2^32⌋`, of which each is as likely as any other to 2^−32.
#[derive(Clone, Copy, Debug)]
pub struct Orbit<M> {
    model: M,
    group: Group,
}

impl<M: Distribution> Orbit<M> {
    /// `None` if the group is one of other sites, or of other values.
    pub fn new(model: M, group: Group) -> Option<Self> {
        let [rows, columns] = group.extents;
        let sites = rows as usize * columns as usize;
        let values = match model.domain() {
            Domain::Uniform(kind) => kind.values(),
            Domain::Each(_) => 0,
        };
        let expected = if group.categories == 0 { 2 } else { group.categories as usize };
        (sites == model.dim() && values == expected).then_some(Self { model, group })
    }
}

impl<M> Orbit<M> {
    /// A distribution whose sizes were checked before, by `model!` or when the model was read. Wrong sizes give
    /// wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(model: M, group: Group) -> Self {
        Self { model, group }
    }
}

/// Scratch beside the model's.
#[inline(always)]
pub(crate) fn scratch(group: &Group, dim: usize) -> usize {
    dim + group.order() as usize
}

/// Draws a tile of `model`, transformed.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of `Distribution::draw` and two")]
pub(crate) fn draw<M: Distribution, L: Lanes, N: Noise>(
    model: &M,
    group: &Group,
    lanes: L,
    draws: &mut Draws<L, N>,
    context: &[L::V],
    x: &mut [L::V],
    want_log_prob: bool,
    scratch: &mut [L::V],
) -> L::V {
    let (other, scratch) = take_mut(scratch, x.len());
    let (scores, scratch) = take_mut(scratch, group.order() as usize);
    let mut log_prob = model.draw(lanes, draws, context, x, want_log_prob, scratch);
    if want_log_prob {
        for (element, place) in scores.iter_mut().enumerate() {
            *place = log_prob;
            if element > 0 {
                let by = By::One(element as u32);
                lanes.call(Act { lanes, group, by, from: x, to: other });
                *place = model.score(lanes, context, other, scratch);
            }
        }
        log_prob = lanes.call(Mean { lanes, scores });
    }
    for (to, from) in other.iter_mut().zip(x.iter()) {
        *to = *from;
    }
    let by = By::Words(draws.words(lanes, x.len() as u32 + 1));
    lanes.call(Act { lanes, group, by, from: other, to: x });
    log_prob
}

/// The log-probability (nats) of a tile, the mean of all its images'.
#[inline(always)]
pub(crate) fn score<M: Distribution, L: Lanes>(
    model: &M,
    group: &Group,
    lanes: L,
    context: &[L::V],
    x: &[L::V],
    scratch: &mut [L::V],
) -> L::V {
    let (other, scratch) = take_mut(scratch, x.len());
    let (scores, scratch) = take_mut(scratch, group.order() as usize);
    for (element, place) in scores.iter_mut().enumerate() {
        let by = By::One(element as u32);
        lanes.call(Act { lanes, group, by, from: x, to: other });
        *place = model.score(lanes, context, other, scratch);
    }
    lanes.call(Mean { lanes, scores })
}

impl<M: Distribution> Distribution for Orbit<M> {
    type Arith = M::Arith;
    const CATEGORIES: bool = M::CATEGORIES;

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        self.model.domain()
    }

    #[inline(always)]
    fn dim(&self) -> usize {
        self.model.dim()
    }

    #[inline(always)]
    fn context(&self) -> usize {
        self.model.context()
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        scratch(&self.group, self.dim()) + self.model.scratch()
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
        let Self { model, group } = self;
        draw(model, group, lanes, draws, context, x, want_log_prob, scratch)
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        score(&self.model, &self.group, lanes, context, x, scratch)
    }
}

/// Which transformations of rows a model is the mean over: of a chain, or of a periodic lattice of rows and columns.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSpec {
    /// Translations, over the ends.
    pub translations: bool,
    /// The point group: of a square 8 elements, of another rectangle 4, of a chain 2.
    pub point: bool,
    /// Maps of the values.
    pub values: Values,
}

#[cfg(feature = "model")]
impl GroupSpec {
    /// The group on sites in this shape, with values of this kind. Of what [`GroupSpec::check`] refuses, any.
    pub fn build(&self, shape: &[usize], kind: Kind) -> Group {
        let extents = match *shape {
            [columns] => [1, columns as u32],
            [rows, columns] => [rows as u32, columns as u32],
            _ => [1, shape.iter().product::<usize>() as u32],
        };
        let categories = match kind {
            Kind::Category(n) => n,
            Kind::Spin | Kind::Real => 0,
        };
        Group::trusted(extents, self.translations, self.point, self.values, categories)
    }

    /// Notes what is wrong with it.
    pub(crate) fn check(&self, shape: &[usize], kind: Kind, faults: &mut Faults) {
        let group = self.build(shape, kind);
        let places = self.translations || self.point;
        if places && !matches!(shape.len(), 1 | 2) {
            let expected = "a chain's or that of rows and columns, to move sites";
            faults.wrong("shape", format!("{shape:?}"), expected);
            return;
        }
        let (values, n) = (format!("{:?}", self.values).to_lowercase(), group.categories);
        match self.values {
            Values::Same if !places => {
                faults.wrong("values", values, "maps of values, where no sites are moved");
            }
            Values::Cyclic | Values::Permutations if n == 0 => {
                faults.wrong("values", values, "reversal or same, of spins");
            }
            Values::Permutations if n as usize > MOST_COLOURS => {
                let expected =
                    format!("cyclic or reversal, of more than {MOST_COLOURS} categories");
                faults.wrong("values", values, expected);
            }
            _ => {}
        }
        if !matches!(group.count(), Some(1..=MOST_ELEMENTS)) {
            let found = group.count().map_or("more than 2^32".into(), |n| n.to_string());
            let expected = format!("at most {MOST_ELEMENTS}: fewer transformations");
            faults.wrong("elements", found, expected);
        }
    }

    /// Whether rows of so many sites of each value are still such ones.
    pub(crate) fn keeps(&self, counts: &[u32]) -> bool {
        match self.values {
            Values::Same => true,
            Values::Reversal => counts.iter().eq(counts.iter().rev()),
            Values::Cyclic | Values::Permutations => {
                counts.windows(2).all(|two| two.first() == two.last())
            }
        }
    }

    pub(crate) fn source(
        &self,
        shape: &[usize],
        kind: Kind,
        model: Source,
        sources: &mut Sources,
    ) -> Source {
        sources.code("symmetry", 1);
        let Group { extents, categories, .. } = self.build(shape, kind);
        let Self { translations, point, values } = self;
        Source {
            ty: format!("engine::symmetry::Orbit<{}>", model.ty),
            value: format!(
                "engine::symmetry::Orbit::trusted({}, engine::symmetry::Group::trusted({extents:?}, {translations}, \
                 {point}, engine::symmetry::Values::{values:?}, {categories}))",
                model.value
            ),
        }
    }
}
