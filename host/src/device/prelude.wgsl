// What every shader sees: the step's numbers, the call's arguments, and the program's memory.

struct Step {
    key: vec2<u32>,
    beta: f32,
    beta_full: f32,
    rate: f32,
    correction_1: f32,
    correction_2: f32,
    clip: f32,
    decay: f32,
    slot: u32,
}

struct Call {
    columns: u32,
    samples: u32,
    copies: u32,
    data_rows: u32,
    arguments: array<vec4<u32>, 6>,
}

@group(0) @binding(0) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;
@group(0) @binding(3) var<storage, read_write> arena: array<f32>;
@group(0) @binding(4) var<storage, read_write> readings: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
@group(0) @binding(6) var<storage, read> data: array<f32>;
@group(0) @binding(7) var<uniform> step_inputs: Step;
@group(0) @binding(8) var<uniform> call: Call;

fn a(i: u32) -> u32 { return call.arguments[i / 4u][i % 4u]; }
fn number_argument(i: u32) -> f32 { return bitcast<f32>(a(i)); }
fn columns() -> u32 { return call.columns; }

var<workgroup> partial_sums: array<f32, 64>;

// The sum of `part` over the 64 threads of a workgroup, by a fixed tree.
fn sum_over_group(thread: u32, part: f32) -> f32 {
    partial_sums[thread] = part;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) { partial_sums[thread] += partial_sums[thread + half]; }
    }
    workgroupBarrier();
    let total = partial_sums[0];
    workgroupBarrier();
    return total;
}
