// a: what is added or none, the sum
@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    if (a(0u) == 0xffffffffu) { arena[a(1u) + at] = 0.0; } else { arena[a(1u) + at] += arena[a(0u) + at]; }
}
