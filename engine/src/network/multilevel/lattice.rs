//! The lattice: which sites a stage has, and which of those around one it reads.

/// The largest square of a distance that a window reaches, in units of a stage's spacing.
pub const FARTHEST: u32 = 36;

/// Squares of the distances that windows of both stages reach if nothing else is said.
pub const REACH: [u32; 2] = [20, 13];

/// A site relative to another, in units of the spacing: rows down, columns right.
pub(super) type Offset = [i8; 2];

/// The nearest four.
pub(super) const NEIGHBOURS: [Offset; 4] = [[-1, 0], [0, -1], [0, 1], [1, 0]];

/// One of the two stages of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A: centres of squares.
    Centres,
    /// B: edges.
    Edges,
}

impl Kind {
    /// In the order in which they are drawn.
    pub(super) const BOTH: [Self; 2] = [Self::Centres, Self::Edges];

    /// Its name in tensors'.
    #[cfg(feature = "model")]
    pub(super) const fn name(self) -> char {
        match self {
            Self::Centres => 'a',
            Self::Edges => 'b',
        }
    }
}

/// Sites in a row of the square that holds every window, half of them, and in all.
const HALF: i8 = 6;
const SIDE: usize = 2 * HALF as usize + 1;
const SQUARE: usize = SIDE * SIDE;

const fn offset(i: usize) -> Offset {
    [(i / SIDE) as i8 - HALF, (i % SIDE) as i8 - HALF]
}

/// The square of the distance.
const fn distance([y, x]: Offset) -> u32 {
    let [y, x] = [y as i32, x as i32];
    (y * y + x * x) as u32
}

/// Whether a site of this kind has one of an earlier stage there, or one of its own in rows above or before it
/// in its row.
const fn is_there(kind: Kind, earlier: bool, [y, x]: Offset) -> bool {
    let odd = [y & 1 == 1, x & 1 == 1];
    let of_earlier = match kind {
        Kind::Centres => odd[0] && odd[1],
        Kind::Edges => odd[0] != odd[1],
    };
    if earlier {
        return of_earlier;
    }
    odd[0] == odd[1] && !of_earlier && (y < 0 || (y == 0 && x < 0))
}

/// How many there are within reach.
const fn count(kind: Kind, earlier: bool) -> usize {
    let (mut n, mut i) = (0, 0);
    while i < SQUARE {
        if distance(offset(i)) <= FARTHEST && is_there(kind, earlier, offset(i)) {
            n += 1;
        }
        i += 1;
    }
    n
}

/// They, the nearest first, and of those at one distance row after row.
#[expect(clippy::indexing_slicing, reason = "it is evaluated when compiled, and asks")]
const fn list<const N: usize>(kind: Kind, earlier: bool) -> [Offset; N] {
    let mut all = [[0; 2]; N];
    let (mut n, mut square) = (0, 1);
    while square <= FARTHEST {
        let mut i = 0;
        while i < SQUARE {
            let d = offset(i);
            if distance(d) == square && is_there(kind, earlier, d) && n < N {
                all[n] = d;
                n += 1;
            }
            i += 1;
        }
        square += 1;
    }
    all
}

static CENTRE_EARLIER: [Offset; count(Kind::Centres, true)] = list(Kind::Centres, true);
static CENTRE_BEFORE: [Offset; count(Kind::Centres, false)] = list(Kind::Centres, false);
static EDGE_EARLIER: [Offset; count(Kind::Edges, true)] = list(Kind::Edges, true);
static EDGE_BEFORE: [Offset; count(Kind::Edges, false)] = list(Kind::Edges, false);

/// Bytes of these lists.
#[cfg(feature = "model")]
pub(super) const BYTES: usize = size_of_val(&CENTRE_EARLIER)
    + size_of_val(&CENTRE_BEFORE)
    + size_of_val(&EDGE_EARLIER)
    + size_of_val(&EDGE_BEFORE);

/// Those of a list within a distance, whose square this is.
const fn within(mut list: &[Offset], reach: u32) -> &[Offset] {
    while let [nearer @ .., last] = list {
        if distance(*last) <= reach {
            break;
        }
        list = nearer;
    }
    list
}

/// What a site reads: offsets of earlier stages, and of its own stage before it. Those behind it are the
/// negatives of the latter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) earlier: &'static [Offset],
    pub(super) before: &'static [Offset],
}

impl Window {
    pub(super) const fn new(kind: Kind, reach: u32) -> Self {
        let [earlier, before]: [&[Offset]; 2] = match kind {
            Kind::Centres => [&CENTRE_EARLIER, &CENTRE_BEFORE],
            Kind::Edges => [&EDGE_EARLIER, &EDGE_BEFORE],
        };
        Self { earlier: within(earlier, reach), before: within(before, reach) }
    }

    /// Sites of it.
    pub(super) const fn sites(self) -> usize {
        self.earlier.len() + 2 * self.before.len()
    }
}

/// A place on a square lattice, periodic in both directions.
#[derive(Clone, Copy)]
pub(super) struct Place {
    side: usize,
    spacing: usize,
    y: usize,
    x: usize,
}

impl Place {
    pub(super) fn site(self) -> usize {
        self.y * self.side + self.x
    }

    /// The site at an offset in units of the spacing.
    #[inline(always)]
    pub(super) fn at(self, [y, x]: Offset) -> usize {
        let along = |from: usize, by: i8| {
            from.wrapping_add((by as isize as usize).wrapping_mul(self.spacing))
                & self.side.wrapping_sub(1)
        };
        along(self.y, y) * self.side + along(self.x, x)
    }
}

/// The places of a stage, in the order in which they are drawn.
pub(super) fn places(kind: Kind, side: usize, spacing: usize) -> impl Iterator<Item = Place> {
    let double = 2 * spacing;
    let first_row = if kind == Kind::Centres { spacing } else { 0 };
    let every_row = if kind == Kind::Centres { double } else { spacing };
    (first_row..side).step_by(every_row.max(1)).flat_map(move |y| {
        // Edges begin a row where the coarse lattice has a gap in it.
        let first = if kind == Kind::Centres || y & spacing == 0 { spacing } else { 0 };
        (first..side).step_by(double.max(1)).map(move |x| Place { side, spacing, y, x })
    })
}

/// The offset the other way.
pub(super) const fn back([y, x]: Offset) -> Offset {
    [-y, -x]
}

/// The side of a lattice of so many sites, if it is one that has levels.
#[cfg(feature = "model")]
pub(super) fn side(sites: usize) -> Option<usize> {
    let levels = sites.checked_ilog2().filter(|bits| bits % 2 == 0 && *bits > 0)? / 2;
    (sites == 1 << (2 * levels)).then_some(1 << levels)
}
