
/// Draws samples `first, first + 1, …`: the one call of the engine that draws.
#[inline(never)]
fn draw(
    seed: u64,
    first: u64,
    context: &[f32],
    rows: &mut [[Element; DIM]],
    log_prob: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> c_int {
    let model = Given { model: &MODEL, context };
    let (rows, stream) = (rows.as_flattened_mut(), &mut pushforward::noise::Stream::new(seed));
    status(distribution::sample(model, Level::best(), stream, first, rows, log_prob, scratch))
}

/// `{name}_sample` of the header.
///
/// # Safety
/// Pointers that are not null point to as much memory as the header says, which nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn {name}_sample(
    seed: u64,
    first: u64,
    n: usize,
    {parameters_rs}rows: *mut Element,
    log_prob: *mut f32,
    scratch: *mut c_void,
    scratch_bytes: usize,
) -> c_int {
    let call = || {
        let context = given({arguments_rs}, n)?;
        let rows = Memory::<[Element; DIM]>::new(rows.cast(), Some(n))?;
        let wanted = !log_prob.is_null();
        let log_prob = Memory::new(log_prob, Some(if wanted { n } else { 0 }))?;
        let scratch = scratch_of(scratch, scratch_bytes, n)?;
        disjoint(&[rows.span(), log_prob.span(), scratch.span()], &[context.span()])?;
        // SAFETY: the caller's; what is written overlaps nothing.
        unsafe {
            let log_prob = wanted.then(|| log_prob.write());
            Ok(draw(seed, first, context.read(), rows.write(), log_prob, scratch.write()))
        }
    };
    code(call())
}
