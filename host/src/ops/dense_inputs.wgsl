// What a product reads, of a dense layer: B is the input as it lies, and the way back is W's transpose.

// Four columns of row i of the input.
fn input_at(i: u32, columns_at: vec4<u32>) -> vec4<f32> { return arena_at(layer.x + i * columns() + columns_at); }

// Four rows of column c of the input.
fn input_rows(i: vec4<u32>, c: u32) -> vec4<f32> { return arena_at(layer.x + i * columns() + c); }

// Mode 2: rows, the length of the sums, and where they begin.
fn back_rows() -> u32 { return layer.inputs; }
fn back_depth() -> u32 { return layer.outputs; }
fn back_first(m: u32) -> u32 { return first(min(m, max(layer.inputs, 1u) - 1u)); }
fn back_weights(m: vec4<u32>, k: u32) -> vec4<f32> { return parameters_at(layer.weight + k * layer.inputs + m); }
fn back_gradient(k: u32, columns_at: vec4<u32>) -> vec4<f32> { return gradient_at(vec4<u32>(k), columns_at)[0]; }
