// Stands behind the text of one energy.
fn x(d: u32, c: u32) -> f32 { return arena[call.x + d * columns() + c]; }
fn word(i: u32) -> u32 { return call.constants[i / 4u][i % 4u]; }
fn entry(i: u32) -> u32 { return tables[call.table + i]; }
fn number(i: u32) -> f32 { return bitcast<f32>(word(i)); }

@compute @workgroup_size(GROUP)
fn energies(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[call.energies + id.x] = energy(id.x);
}

@compute @workgroup_size(GROUP)
fn energy_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let weight = arena[call.coefficient + id.x] * step_inputs.beta;
    arena[call.dx + id.y * columns() + id.x] = weight * energy_gradient(id.y, id.x);
}
