//! The way back: what an operation asks for when it pushes its backward operation.
//!
//! Operations are asked in the reverse of their order, so when an operation that made a matrix is
//! reached, all that read it have given their share of its gradient. Gradients *add*: the first
//! share is the gradient, the next ones are added to it. A gradient's memory goes to the next one of
//! its size once it is used up.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;

use super::{Add, Operation, Shape, Slot};

/// An operation of a forward pass.
pub trait Forward: Operation {
    /// The matrices that its outputs are differentiated by.
    fn reads(&self) -> Vec<Slot>;

    /// The matrices that it writes or changes.
    fn writes(&self) -> Vec<Slot>;

    /// The parameters whose gradient its backward operation gives.
    fn parameters(&self) -> Vec<Range<usize>> {
        Vec::new()
    }

    /// Pushes what turns the gradients of its outputs into those of its inputs and parameters;
    /// nothing if it starts from noise or data.
    fn backward(&self, _reverse: &mut Reverse<'_>) {}
}

/// An operation by its type, to recognise it in a list.
pub fn as_type<T: Forward>(operation: &dyn Forward) -> Option<&T> {
    let any: &dyn Any = operation;
    any.downcast_ref()
}

/// A backward pass in the making.
#[derive(Debug)]
pub struct Reverse<'a> {
    shapes: &'a mut Vec<Shape>,
    /// Slots from here on are gradients.
    first: usize,
    wanted: Vec<bool>,
    gradients: HashMap<Slot, Slot>,
    free: Vec<Slot>,
    /// What is released while several operations become one.
    kept: Option<Vec<Slot>>,
    /// Sums that follow the operation that is pushed next.
    sums: Vec<Add>,
    operations: Vec<Box<dyn Operation>>,
}

impl<'a> Reverse<'a> {
    /// Nothing yet, with the gradients that come from outside; `wanted[s]` says whether a parameter
    /// lies behind slot s.
    pub fn new(
        shapes: &'a mut Vec<Shape>,
        wanted: Vec<bool>,
        given: impl IntoIterator<Item = (Slot, Slot)>,
    ) -> Self {
        Self {
            first: shapes.len(),
            shapes,
            wanted,
            gradients: given.into_iter().collect(),
            free: Vec::new(),
            kept: None,
            sums: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// Whether anybody needs the gradient of `x`.
    pub fn wanted(&self, x: Slot) -> bool {
        self.wanted.get(x.0).copied().unwrap_or(false)
    }

    /// The gradient of `y`, which stays there: zeros if nobody read `y`.
    pub fn gradient(&mut self, y: Slot) -> Slot {
        if let Some(&gradient) = self.gradients.get(&y) {
            return gradient;
        }
        let gradient = self.fresh(y);
        self.operations.push(Box::new(Add { from: None, to: gradient }));
        self.gradients.insert(y, gradient);
        gradient
    }

    /// The gradient of `y`, for the operation that made `y`: its memory is the caller's, to give on
    /// or to release.
    pub fn take(&mut self, y: Slot) -> Slot {
        let gradient = self.gradient(y);
        self.gradients.remove(&y);
        gradient
    }

    /// Memory as large as `like`, with anything in it.
    pub fn fresh(&mut self, like: Slot) -> Slot {
        let shape = self.shapes[like.0];
        if let Some(i) = self.free.iter().rposition(|s| self.shapes[s.0] == shape) {
            return self.free.remove(i);
        }
        self.shapes.push(shape);
        Slot(self.shapes.len() - 1)
    }

    /// Makes `gradient` a share of the gradient of `x`; the operation that is pushed next writes it.
    pub fn give(&mut self, x: Slot, gradient: Slot) {
        if let Some(&to) = self.gradients.get(&x) {
            self.sums.push(Add { from: Some(gradient), to });
            self.release(gradient);
        } else {
            self.gradients.insert(x, gradient);
        }
    }

    /// For an operation that scores `x`: the gradient of its `score`, and that of `x`, which the
    /// operation that is pushed next writes; nothing if nobody needs it.
    pub fn scored(&mut self, x: Slot, score: Slot) -> Option<[Slot; 2]> {
        self.wanted(x).then(|| {
            let (coefficient, dx) = (self.gradient(score), self.fresh(x));
            self.give(x, dx);
            [coefficient, dx]
        })
    }

    /// For an operation that makes `y` from `x` and adds to `log_q`: the gradient of `log_q`, and that
    /// of `y`, in whose place the operation that is pushed next leaves that of `x`.
    pub fn carried(&mut self, x: Slot, y: Slot, log_q: Slot) -> [Slot; 2] {
        let (dy, coefficient) = (self.take(y), self.gradient(log_q));
        self.give(x, dy);
        [coefficient, dy]
    }

    /// Lets the memory of a gradient go.
    pub fn release(&mut self, gradient: Slot) {
        if gradient.0 >= self.first {
            self.kept.as_mut().unwrap_or(&mut self.free).push(gradient);
        }
    }

    /// Runs `f`, which asks several operations: no memory that they release is used again by them.
    pub fn together<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.kept = Some(Vec::new());
        let result = f(self);
        let kept = self.kept.take();
        self.free.extend(kept.into_iter().flatten());
        result
    }

    /// Adds an operation to the pass.
    pub fn push(&mut self, operation: impl Operation) {
        self.operations.push(Box::new(operation));
        self.operations.extend(self.sums.drain(..).map(|sum| Box::new(sum) as Box<dyn Operation>));
    }

    /// The pass, and where the gradients lie that are left over.
    pub fn finish(self) -> (Vec<Box<dyn Operation>>, HashMap<Slot, Slot>) {
        (self.operations, self.gradients)
    }
}
