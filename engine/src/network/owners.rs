//! Which site a hidden unit of a masked network belongs to: the first that may read it.
//!
//! Units are sorted by their sites, so what belongs to sites before one is a prefix. They are shared out
//! [`Evenly`], or [`Listed`]: a mask of any other kind is a staircase too once its units are sorted, with
//! zeros where it hides what the staircase would show.

/// Units of a layer of `units` that belong to sites before `site`, of `sites` in all.
#[inline(always)]
pub const fn units_before(units: usize, sites: usize, site: usize) -> usize {
    // A division by zero sites would be a panic path; there are no units before no site.
    match (units * site + sites.saturating_sub(1)).checked_div(sites) {
        Some(n) => n,
        None => 0,
    }
}

/// The sites that hidden units belong to.
pub trait Owners: Copy + core::fmt::Debug + Send + Sync {
    /// Whether they are those of hidden layers of these sizes.
    fn fits(self, sites: usize, hidden: &[usize]) -> bool;
    /// Units of hidden layer `layer` that belong to sites before `site`; `None` if all sites have
    /// equally many.
    fn before(self, layer: usize, site: usize) -> Option<usize>;
    /// Most units of hidden layer `layer` that belong to one site; `None` likewise.
    fn most(self, layer: usize) -> Option<usize>;
}

/// Unit `u` of a layer with `H` units belongs to site `⌊u N / H⌋`.
#[derive(Clone, Copy, Debug)]
pub struct Evenly;

impl Owners for Evenly {
    fn fits(self, _: usize, _: &[usize]) -> bool {
        true
    }

    #[inline(always)]
    fn before(self, _: usize, _: usize) -> Option<usize> {
        None
    }

    #[inline(always)]
    fn most(self, _: usize) -> Option<usize> {
        None
    }
}

/// As listed: for each hidden layer, for each site, the units that belong to it and to those before;
/// [`Evenly`] if there are no lists.
#[derive(Debug)]
pub struct Listed<'a, T = &'a [usize]>(pub &'a [T]);

impl<T> Clone for Listed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Listed<'_, T> {}

impl<T: AsRef<[usize]>> Listed<'_, T> {
    #[inline(always)]
    fn list(&self, layer: usize) -> Option<&[usize]> {
        self.0.get(layer).map(AsRef::as_ref)
    }
}

impl<T: AsRef<[usize]> + core::fmt::Debug + Send + Sync> Owners for Listed<'_, T> {
    fn fits(self, sites: usize, hidden: &[usize]) -> bool {
        let each = |(list, units): (&T, &usize)| lists(list.as_ref(), sites, *units);
        self.0.is_empty() || (self.0.len() == hidden.len() && self.0.iter().zip(hidden).all(each))
    }

    #[inline(always)]
    fn before(self, layer: usize, site: usize) -> Option<usize> {
        let list = self.list(layer)?;
        let last = site.checked_sub(1).and_then(|last| list.get(last));
        Some(last.copied().unwrap_or(0))
    }

    fn most(self, layer: usize) -> Option<usize> {
        let mut before = 0;
        let own = self.list(layer)?.iter().map(|through| {
            let own = through.saturating_sub(before);
            before = *through;
            own
        });
        own.max()
    }
}

/// Whether this is the list of a layer of so many units.
fn lists(list: &[usize], sites: usize, units: usize) -> bool {
    list.len() == sites && list.is_sorted() && list.last() == Some(&units)
}
