//! Weights of several types: a network over them is the network over their values, bit for bit, at
//! every level. Both stores here that are not the engine's stand outside it, as those of a new type
//! of number may.

use std::sync::Mutex;

use pushforward::activation::{Leaky, Tanh};
use pushforward::kernel::{
    Batch, Counts, Fused, Lanes, Plain, Single, Store, Weight, next, take_mut,
};
use pushforward::network::{CausalNetwork, Evenly, Masked, Mlp, Network, Shape, Turn, Visitor};
use pushforward::noise::block;
use pushforward::simd::embed::f16;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

/// A number of eight bits, in units of 1/64.
#[derive(Clone, Copy, Debug)]
struct Byte(i8);

impl Weight for Byte {
    const BYTES: usize = 1;
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from(self.0) / 64.0
    }
}

/// Matrices of `M`, biases of `B` and slopes of `S`, each in a network's packed order.
#[derive(Clone, Copy, Debug)]
struct Mixed<'a, M, B, S> {
    matrix: &'a [M],
    bias: &'a [B],
    slopes: &'a [S],
}

impl<'a, M: Weight, B: Weight, S: Weight> Store<'a> for Mixed<'a, M, B, S> {
    type Matrix = M;
    type Bias = B;
    type Slope = S;
    type Direct = M;

    fn fits(self, counts: Counts) -> bool {
        let Self { matrix, bias, slopes } = self;
        matrix.len() == counts.matrix + counts.direct
            && (bias.len(), slopes.len()) == (counts.bias, counts.slopes)
    }
    fn matrix(&mut self, n: usize) -> &'a [M] {
        next(&mut self.matrix, n)
    }
    fn bias(&mut self, n: usize) -> &'a [B] {
        next(&mut self.bias, n)
    }
    fn slopes(&mut self, n: usize) -> &'a [S] {
        next(&mut self.slopes, n)
    }
    fn direct(&mut self, n: usize) -> &'a [M] {
        self.matrix(n)
    }
}

/// A store that writes down what is read from it, in that order.
#[derive(Clone, Copy, Debug)]
struct Written<'a, W>(W, &'a Mutex<Vec<f32>>);

impl<'a, W: Store<'a>> Written<'a, W> {
    fn write<T: Weight>(&self, weights: &'a [T]) -> &'a [T] {
        self.1.lock().unwrap().extend(weights.iter().map(|w| w.widen()));
        weights
    }
}

impl<'a, W: Store<'a>> Store<'a> for Written<'a, W> {
    type Matrix = W::Matrix;
    type Bias = W::Bias;
    type Slope = W::Slope;
    type Direct = W::Direct;

    fn fits(self, counts: Counts) -> bool {
        self.0.fits(counts)
    }
    fn matrix(&mut self, n: usize) -> &'a [W::Matrix] {
        let read = self.0.matrix(n);
        self.write(read)
    }
    fn bias(&mut self, n: usize) -> &'a [W::Bias] {
        let read = self.0.bias(n);
        self.write(read)
    }
    fn slopes(&mut self, n: usize) -> &'a [W::Slope] {
        let read = self.0.slopes(n);
        self.write(read)
    }
    fn direct(&mut self, n: usize) -> &'a [W::Direct] {
        let read = self.0.direct(n);
        self.write(read)
    }
}

/// Sets the input of a site to its second output, whose first it adds.
struct Draw;

impl<L: Lanes> Visitor<L> for Draw {
    fn sizes(&self) -> [usize; 2] {
        [1, 2]
    }
    fn site(&mut self, lanes: L, _: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let s = lanes.s();
        if let ([first, second], [x]) = (outputs, inputs) {
            for ((x, a), b) in x.as_mut().iter_mut().zip(first.as_ref()).zip(second.as_ref()) {
                s.store(s.add(s.load(a), s.load(b)), x);
            }
        }
    }
}

/// What a network makes of made-up inputs.
trait Run {
    fn run<L: Lanes>(&self, lanes: L, values: &mut [L::V]) -> Vec<L::V>;
    fn values(&self) -> usize;
}

struct All<N>(N);
struct Sites<N>(N);

impl<N: Network> Run for All<N> {
    #[inline(always)]
    fn run<L: Lanes>(&self, lanes: L, values: &mut [L::V]) -> Vec<L::V> {
        take_mut(self.0.run(lanes, values).0, self.0.outputs()).0.to_vec()
    }
    fn values(&self) -> usize {
        self.0.scratch()
    }
}

impl<N: CausalNetwork> Run for Sites<N> {
    #[inline(always)]
    fn run<L: Lanes>(&self, lanes: L, values: &mut [L::V]) -> Vec<L::V> {
        let sizes = self.0.sizes();
        let (context, rest) = take_mut(values, sizes.context);
        let (inputs, scratch) = take_mut(rest, sizes.sites);
        self.0.walk(lanes, &mut Draw, context, inputs, scratch);
        inputs.to_vec()
    }
    fn values(&self) -> usize {
        let sizes = self.0.sizes();
        sizes.context + sizes.sites + self.0.scratch()
    }
}

/// The bits of one sample alone, and of a tile of the same sample.
struct At<'n, N>(&'n N);

impl<N: Run> Kernel for At<'_, N> {
    type Output = Vec<u32>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<u32> {
        let mut bits = Vec::new();
        lanes::<_, N>(self.0, Single::<S, Fused>::new(s), &mut bits);
        lanes::<_, N>(self.0, Batch::<S, Fused, 2>::new(s), &mut bits);
        lanes::<_, N>(self.0, Single::<S, Plain>::new(s), &mut bits);
        lanes::<_, N>(self.0, Batch::<S, Plain, 2>::new(s), &mut bits);
        bits
    }
}

/// Appends the bits of the first lane, which all others have to have.
fn lanes<L: Lanes, N: Run>(network: &N, lanes: L, bits: &mut Vec<u32>) {
    let mut values: Vec<L::V> = (0..network.values() as u32)
        .map(|i| lanes.splat(block([7, 0], [i, 0])[0] as f32 / 4294967296.0 - 0.5))
        .collect();
    for out in network.run(lanes, &mut values) {
        let mut of_lanes = out.as_ref().iter().flat_map(|a| a.as_ref().to_vec());
        let first = of_lanes.next().unwrap();
        assert!(of_lanes.all(|x| x.to_bits() == first.to_bits()));
        bits.push(first.to_bits());
    }
}

fn bits<N: Run>(network: &N, level: Level) -> Vec<u32> {
    dispatch(level, At(network))
}

fn made_up<T>(stream: u32, n: usize, of: impl Fn(f32) -> T) -> Vec<T> {
    let number = |i: usize| block([stream, 1], [i as u32, 0])[0] as f32 / 4294967296.0 - 0.5;
    (0..n).map(|i| of(number(i))).collect()
}

/// A network over three types against the one over the values of the weights it read.
macro_rules! agrees {
    ($counts:expr, $matrix:expr, |$weights:ident| $network:expr) => {{
        let counts: Counts = $counts;
        let matrix = made_up(1, counts.matrix + counts.direct, $matrix);
        let bias = made_up(2, counts.bias, |x| x);
        let slopes = made_up(3, counts.slopes, f16::from_f32);
        let store = Mixed { matrix: &matrix, bias: &bias, slopes: &slopes };
        let read = Mutex::new(Vec::new());
        let written = {
            let $weights = Written(store, &read);
            let network = $network;
            let scalar = Single::<_, Fused>::new(pushforward::simd::Scalar);
            lanes(&network, scalar, &mut Vec::new());
            read.into_inner().unwrap()
        };
        assert_eq!(written.len(), counts.total());
        let mixed = {
            let $weights = store;
            $network
        };
        let single = {
            let $weights = written.as_slice();
            $network
        };
        let expected = bits(&single, Level::Scalar);
        assert!(expected.iter().any(|x| *x != expected[0]));
        for level in Level::available() {
            assert_eq!(bits(&mixed, level), expected, "{level:?}");
        }
    }};
}

#[test]
fn a_network_over_three_types_of_weights_has_the_bits_of_their_values() {
    // Panels of 16, 4 and 1, a strip of 64 and more.
    let hidden = [70, 21];
    let leaky = Mlp::<&[f32], _>::counts(5, &hidden, 7, Leaky);
    agrees!(leaky, f16::from_f32, |w| All(Mlp::<_>::new(5, &hidden, 7, Leaky, w).unwrap()));
    let tanh = Mlp::<&[f32], _>::counts(5, &hidden, 7, Tanh);
    assert_eq!(tanh.slopes, 0);
    let byte = |x: f32| Byte((x * 127.0) as i8);
    agrees!(tanh, byte, |w| All(Mlp::<_, _>::new(5, &hidden, 7, Tanh, w).unwrap()));
}

#[test]
fn a_walk_over_three_types_of_weights_has_the_bits_of_their_values() {
    let hidden = [40, 60];
    let [inputs, outputs, context] = [1, 2, 3];
    let (direct, owners) = (true, Evenly);
    let shape = Shape { sites: 20, inputs, hidden: &hidden, outputs, context, direct, owners };
    let counts = shape.counts(Leaky);
    agrees!(counts, f16::from_f32, |w| Sites(Masked::<_, true>::new(shape, Leaky, w).unwrap()));
    let byte = |x: f32| Byte((x * 127.0) as i8);
    agrees!(counts, byte, |w| Sites(Masked::<_, true>::new(shape, Leaky, w).unwrap()));
}

#[test]
fn a_network_refuses_too_few_of_any_kind() {
    let counts = Mlp::<&[f32], _>::counts(2, &[3], 1, Leaky);
    assert_eq!(counts, Counts { matrix: 9, direct: 0, bias: 4, slopes: 3, outputs: 1 });
    let zeros = [0.0; 16];
    let of = |matrix: usize, bias: usize, slopes: usize| {
        let (matrix, bias, slopes) = (&zeros[..matrix], &zeros[..bias], &zeros[..slopes]);
        Mlp::<_>::new(2, &[3], 1, Leaky, Mixed { matrix, bias, slopes }).is_some()
    };
    assert!(of(9, 4, 3));
    assert!(!of(10, 4, 2) && !of(9, 3, 3) && !of(8, 4, 3) && !of(9, 4, 4));
}
