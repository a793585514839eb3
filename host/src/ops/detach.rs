//! What takes the score out of a gradient: samples as if they were data, and a number's opposite.

use super::{Context, Forward, Launch, Layout, NONE, Operation, Reverse, Slot, arguments};

const SHADER: &str = include_str!("detach.wgsl");

/// A copy that no gradient passes, and zeros for its ln q.
#[derive(Clone, Copy, Debug)]
pub struct Detach {
    /// Samples.
    pub x: Slot,
    /// Their copy.
    pub y: Slot,
    /// One row, set to 0.
    pub log_q: Slot,
}

impl Operation for Detach {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.y, |context, y| y.copy_from_slice(context.slot(self.x)));
        context.writing(self.log_q, |_, log_q| log_q.fill(0.0));
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
        };
        let groups = [Layout::groups(layout.columns()), layout.shapes[self.x.0].rows as u32, 1];
        vec![Launch { sources: vec![SHADER.into()], entry: "detach", arguments, groups }]
    }
}

/// Nothing flows back: what it writes is differentiated by nothing.
impl Forward for Detach {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y, self.log_q]
    }
}

/// y = −x.
#[derive(Clone, Copy, Debug)]
pub struct Negate {
    /// Of one row.
    pub x: Slot,
    /// Its opposite.
    pub y: Slot,
}

impl Operation for Negate {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.y, |context, y| {
            y.iter_mut().zip(context.slot(self.x)).for_each(|(y, x)| *y = -x);
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: NONE,
        };
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![Launch { sources: vec![SHADER.into()], entry: "negate", arguments, groups }]
    }
}

impl Forward for Negate {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if !reverse.wanted(self.x) {
            return;
        }
        let (x, y) = (reverse.gradient(self.y), reverse.fresh(self.x));
        reverse.give(self.x, y);
        reverse.push(Negate { x, y });
    }
}
