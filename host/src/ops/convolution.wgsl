// What a product reads, of a masked convolution: row i of B is channel i % FROM at offset i / FROM, and the way back
// gathers, at every offset, what read a site.

// How far up and to the right an offset is.
fn offset_at(k: u32) -> vec2<i32> {
    let across = 2u * BESIDE + 1u;
    return vec2<i32>(i32(UP) - i32(k / across), i32(k % across) - i32(BESIDE));
}

// The column that is `way` times an offset away from column c; NONE if it is outside.
fn column_away(c: u32, k: u32, way: i32) -> u32 {
    let samples = call.samples * call.copies;
    let position = c / samples;
    let away = offset_at(k);
    let y = i32(position / COLUMNS) - way * away.x;
    let x = i32(position % COLUMNS) + way * away.y;
    if (y < 0 || y >= i32(ROWS) || x < 0 || x >= i32(COLUMNS)) { return NONE; }
    return (u32(y) * COLUMNS + u32(x)) * samples + c % samples;
}

fn one_input(i: u32, c: u32) -> f32 {
    let place = column_away(c, i / FROM, 1);
    if (place == NONE) { return 0.0; }
    return arena[layer.x + i % FROM * columns() + place];
}

fn input_at(i: u32, c: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(one_input(i, c.x), one_input(i, c.y), one_input(i, c.z), one_input(i, c.w));
}

fn input_rows(i: vec4<u32>, c: u32) -> vec4<f32> {
    return vec4<f32>(one_input(i.x, c), one_input(i.y, c), one_input(i.z, c), one_input(i.w, c));
}

fn back_rows() -> u32 { return FROM; }
fn back_depth() -> u32 { return layer.inputs / FROM * layer.outputs; }
fn back_first(m: u32) -> u32 { return 0u; }

// Number k of the sums is output k % outputs at offset k / outputs.
fn back_weights(m: vec4<u32>, k: u32) -> vec4<f32> {
    return parameters_at(layer.weight + k % layer.outputs * layer.inputs + k / layer.outputs * FROM + m);
}

fn one_gradient(k: u32, c: u32) -> f32 {
    let place = column_away(c, k / layer.outputs, -1);
    if (place == NONE) { return 0.0; }
    return arena[dy + k % layer.outputs * columns() + place];
}

fn back_gradient(k: u32, c: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(one_gradient(k, c.x), one_gradient(k, c.y), one_gradient(k, c.z), one_gradient(k, c.w));
}
