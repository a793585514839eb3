//! Constraints: logits of values that are not open become [`CLOSED`], given the values before.
//!
//! A closed value has no share in a softmax, so neither it nor its gradient is anywhere else: what scores the logits
//! gives the closed ones a gradient of 0, which goes back through here as it is.

use pushforward::domain::Kind;

use super::{
    Context, Forward, Launch, Layout, NONE, Operation, Reverse, Slot, Table, arguments, constants,
};

/// The logit of a closed value, or of the open one where there is one logit for two. A number, where
/// infinity would do: WGSL need not have it.
pub const CLOSED: f32 = 1e30;

/// Which values are open.
#[derive(Clone, Copy, Debug)]
pub enum Open {
    /// Each value so often.
    Counts(Table),
    /// Values that may follow each other.
    Successors {
        /// Whether value k may come after value j: 0 or 1 at (j + 1) K + k, and at k whether it may be the first.
        follows: Table,
        /// How many more can come after each.
        steps: Table,
    },
}

/// Closes logits in place, for each column.
#[derive(Clone, Copy, Debug)]
pub struct Close {
    /// Sites.
    pub sites: usize,
    /// What a site is: of spins there is one logit for two values.
    pub kind: Kind,
    /// Which are open.
    pub open: Open,
    /// Values, `[sites]`.
    pub x: Slot,
    /// `[sites · logits]`.
    pub logits: Slot,
}

/// What is left of counts, for each of a few columns.
#[derive(Debug)]
pub(super) struct Left {
    values: usize,
    left: Vec<u32>,
}

impl Left {
    /// All, for `n` columns.
    pub(super) fn new(counts: &[u32], n: usize) -> Self {
        let left = counts.iter().copied().cycle().take(counts.len() * n).collect();
        Self { values: counts.len(), left }
    }

    /// Whether a value is open in column `c`.
    pub(super) fn is_open(&self, c: usize, k: usize) -> bool {
        self.left[c * self.values + k] > 0
    }

    /// Takes one away.
    pub(super) fn take(&mut self, c: usize, k: usize) {
        let left = &mut self.left[c * self.values + k];
        *left = left.saturating_sub(1);
    }
}

/// Closes value `k` in the logits of a site, `[logits][n]`, at column `c`.
pub(super) fn close(logits: &mut [f32], n: usize, c: usize, k: usize) {
    // One logit of two values is that of the second.
    if logits.len() == n {
        logits[c] = if k == 0 { CLOSED } else { -CLOSED };
    } else {
        logits[k * n + c] = -CLOSED;
    }
}

impl Operation for Close {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let (sites, values) = (self.sites, self.kind.values());
        let number = |x: f32| self.kind.number(x).min(values - 1);
        let rows = context.shapes[self.logits.0].rows / self.sites;
        context.writing(self.logits, |context, logits| {
            let x = context.slot(self.x).chunks_exact(n);
            let each = logits.chunks_exact_mut(rows * n).zip(x);
            match self.open {
                Open::Counts(counts) => {
                    let mut left = Left::new(context.table(counts), n);
                    for (logits, x) in each {
                        for (c, x) in x.iter().enumerate() {
                            for k in (0..values).filter(|k| !left.is_open(c, *k)) {
                                close(logits, n, c, k);
                            }
                            left.take(c, number(*x));
                        }
                    }
                }
                Open::Successors { follows, steps } => {
                    let (follows, steps) = (context.table(follows), context.table(steps));
                    let mut row = vec![0; n];
                    for (i, (logits, x)) in each.enumerate() {
                        for (c, x) in x.iter().enumerate() {
                            for k in 0..values {
                                let far = steps[k] as usize + i + 1 >= sites;
                                if !far || follows[row[c] * values + k] == 0 {
                                    close(logits, n, c, k);
                                }
                            }
                            row[c] = number(*x) + 1;
                        }
                    }
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let rows = layout.shapes[self.logits.0].rows / self.sites;
        let (counts, follows, steps) = match self.open {
            Open::Counts(counts) => (counts.start as u32, NONE, NONE),
            Open::Successors { follows, steps } => (NONE, follows.start as u32, steps.start as u32),
        };
        let arguments = arguments! {
            sites: self.sites,
            values: self.kind.values(),
            logits_of_site: rows,
            counts: counts,
            follows: follows,
            steps: steps,
            x: layout.offset(self.x),
            logits: layout.offset(self.logits),
        };
        vec![Launch {
            sources: vec![constants![CLOSED], include_str!("close.wgsl").into()],
            entry: "close",
            arguments,
            groups: [Layout::groups(layout.columns()), self.kind.values() as u32, 1],
        }]
    }
}

impl Forward for Close {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.logits]
    }

    /// Nothing: see the module.
    fn backward(&self, _: &mut Reverse<'_>) {}
}
