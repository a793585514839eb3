// Stands behind the text of one energy.
// a: x, energies, coefficient, dx, then the energy's eight constants
fn x(d: u32, c: u32) -> f32 { return arena[a(0u) + d * columns() + c]; }
fn word(i: u32) -> u32 { return a(4u + i); }
fn number(i: u32) -> f32 { return number_argument(4u + i); }

@compute @workgroup_size(64)
fn energies(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[a(1u) + id.x] = energy(id.x);
}

@compute @workgroup_size(64)
fn energy_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let weight = arena[a(2u) + id.x] * step_inputs.beta;
    arena[a(3u) + id.y * columns() + id.x] = weight * energy_gradient(id.y, id.x);
}
