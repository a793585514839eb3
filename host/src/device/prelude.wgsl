// What every shader sees: the step's numbers, the call's arguments, and the program's memory. In front of this text
// stand constants and the types `Step` and `Call`, declared by Rust.

@group(0) @binding(0) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;
@group(0) @binding(3) var<storage, read_write> arena: array<f32>;
@group(0) @binding(4) var<storage, read_write> readings: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
@group(0) @binding(6) var<storage, read> data: array<f32>;
@group(0) @binding(7) var<uniform> step_inputs: Step;
@group(0) @binding(8) var<uniform> call: Call;

fn columns() -> u32 { return call.columns; }

var<workgroup> partial_sums: array<f32, GROUP>;

// The sum of `part` over the GROUP threads of a workgroup, by a fixed tree.
fn sum_over_group(thread: u32, part: f32) -> f32 {
    partial_sums[thread] = part;
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) { partial_sums[thread] += partial_sums[thread + half]; }
    }
    workgroupBarrier();
    let total = partial_sums[0];
    workgroupBarrier();
    return total;
}
