//! What puts losses together: samples as if they were data, and a number times another.

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
            by: 1.0,
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

/// y = b x.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Of one row.
    pub x: Slot,
    /// Its multiple.
    pub y: Slot,
    /// b.
    pub by: f32,
}

impl Operation for Scale {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.y, |context, y| {
            y.iter_mut().zip(context.slot(self.x)).for_each(|(y, x)| *y = self.by * x);
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: NONE,
            by: self.by,
        };
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![Launch { sources: vec![SHADER.into()], entry: "scale", arguments, groups }]
    }
}

impl Forward for Scale {
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
        reverse.push(Scale { x, y, by: self.by });
    }
}
