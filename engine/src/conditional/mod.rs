//! Conditionals: the distribution of one site's value, given what a network makes of the sites before.
//!
//! A conditional draws by a 32-bit word or two, and scores with the very probability that a draw compares
//! the word with. It also says how a value enters the network.

pub mod bernoulli;
pub mod categorical;
pub mod logistics;
pub mod tabulated;

pub use bernoulli::Bernoulli;
#[cfg(feature = "model")]
pub use bernoulli::BernoulliSpec;
pub use categorical::Categorical;
#[cfg(feature = "model")]
pub use categorical::{CategoricalSpec, Categories};
pub use logistics::Logistics;
#[cfg(feature = "model")]
pub use logistics::LogisticsSpec;

pub use tabulated::Tabulated;

use crate::constraint::Mask;
use crate::domain::Domain;
use crate::kernel::{Lanes, Sum};

/// The distribution of a site's value; see the module.
pub trait Conditional {
    /// Whether a site has one input, its value: then the row itself is what the network reads.
    const IN_PLACE: bool;
    /// Whether values may be categories, and so rows of unsigned integers.
    const CATEGORIES: bool = false;
    /// Words that a draw takes: 1 or 2.
    const WORDS: u32 = 1;
    /// Whether it is made for this many sites.
    fn fits(&self, sites: usize) -> bool;
    /// Where values lie.
    fn domain(&self) -> Domain<'_>;
    /// Inputs that a site has.
    fn inputs(&self) -> usize;
    /// Outputs that a site needs.
    fn outputs(&self) -> usize;
    /// Draws the value of `site` by words of each sample, of which the second is the first again if
    /// one is enough, and, if asked, adds its ln p (nats) to a sum. The outputs may be overwritten.
    fn draw<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        words: [&L::V; 2],
        value: &mut L::V,
        log_prob: Option<&mut Sum<L::V>>,
    );
    /// Adds ln p of a value (nats); what it adds for one outside the domain does not matter. The
    /// outputs may be overwritten.
    fn log_prob<L: Lanes>(
        &self,
        lanes: L,
        site: usize,
        outputs: &mut [L::V],
        value: &L::V,
        log_prob: &mut Sum<L::V>,
    );
    /// The sum that all sites were added to (nats).
    #[inline(always)]
    fn total<L: Lanes>(&self, lanes: L, sum: &Sum<L::V>) -> L::V {
        sum.value(lanes)
    }
    /// Writes what the network reads of a value.
    fn enter<L: Lanes>(&self, lanes: L, site: usize, value: &L::V, inputs: &mut [L::V]);
    /// Closes values of a site: those whose number is not open, in vector `r` of the samples, by
    /// `open(number, r)`. What no constraint can close stays open.
    #[inline(always)]
    fn close<L: Lanes>(
        &self,
        _: L,
        _site: usize,
        _outputs: &mut [L::V],
        _open: impl Fn(usize, usize) -> Mask<L>,
    ) {
    }
    /// The number of a value, as constraints count them: the value itself unless it says otherwise.
    #[inline(always)]
    fn number<L: Lanes>(&self, _: L, value: &L::V) -> L::V {
        *value
    }
}
