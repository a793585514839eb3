//! Pinned bits: a changed figure here is a value-breaking change and belongs in the changelog.
//!
//! The models are those of `common`, small enough to be read in a debugger and shaped to reach
//! every kernel. What is pinned is a 64-bit hash over the bits of 40 rows and their
//! log-probabilities, at every SIMD level of the machine. Of the model files that the firmware is tested with it is
//! one over 1,000 rows, which the emulated boards have too.

mod common;
#[path = "bits/thousand.rs"]
mod thousand;

use common::{ARITHMETICS, contexts, descriptions, randomised};
use pushforward::model::{Arithmetic, Model};
use pushforward::simd::Level;

fn hashes(model: &Model, level: Level) -> (u64, u64) {
    let sampler = model.sampler().unwrap().with_level(level);
    let n = 40;
    let mut rows = vec![0.0f32; n * sampler.dim()];
    let mut log_prob = vec![0.0; n];
    let contexts = contexts(model, 7, n);
    sampler.given(&contexts).sample(2026, 7, &mut rows, Some(&mut log_prob));
    (thousand::hash(&rows), thousand::hash(&log_prob))
}

/// (name, rows and log_prob under `fused`, the same under `plain`); integers have one arithmetic.
const PINNED: &[(&str, [(u64, u64); 2])] = &[
    (
        "made 1 [3] false None",
        [(0x06ac3425b1fa4e65, 0x1aafa496d5d8325d), (0x06ac3425b1fa4e65, 0x1aafa496d5d8325d)],
    ),
    (
        "made 5 [] true None",
        [(0x64f2dfe3e9e8dfe5, 0xd91f39d42bf5b52e), (0x64f2dfe3e9e8dfe5, 0xd91f39d42bf5b52e)],
    ),
    (
        "made 16 [64] true None",
        [(0x9a3c56dedae4ed25, 0xfe4847d7edf203b8), (0x9a3c56dedae4ed25, 0x9d081e03302d8780)],
    ),
    (
        "made 37 [111, 50] true None",
        [(0xf581d0f0dfab6fe5, 0xc9cc8a5e75ca90a8), (0xf581d0f0dfab6fe5, 0xcb1114e9fdbd24e7)],
    ),
    (
        "made 40 [160, 160] false None",
        [(0xa83ed4e3d1767525, 0x1eb112bf96a1f04e), (0xa83ed4e3d1767525, 0x8e713c98885bb695)],
    ),
    (
        "made 1 [3] false Z2",
        [(0xf19d7d387b1b32e5, 0x066c561961134515), (0xf19d7d387b1b32e5, 0x066c561961134515)],
    ),
    (
        "made 5 [] true Z2",
        [(0xd1e3e74cc31cf565, 0xcb605a28070826e5), (0xd1e3e74cc31cf565, 0xcb605a28070826e5)],
    ),
    (
        "made 16 [64] true Z2",
        [(0x10e77a7a9936ed25, 0xb1664bec421706b3), (0x10e77a7a9936ed25, 0x06ffd4fcf7d968c2)],
    ),
    (
        "made 37 [111, 50] true Z2",
        [(0xe542d6e0e2944365, 0x4138bf6971ca0da7), (0xe542d6e0e2944365, 0xb7a38ce0c5046e86)],
    ),
    (
        "made 40 [160, 160] false Z2",
        [(0xff3b74ae0e858f25, 0x572fd9919a935a88), (0xff3b74ae0e858f25, 0xfa82d6444b6d28c3)],
    ),
    (
        "realnvp 1 1 [4] true",
        [(0x714ea59330902560, 0xc4d7b20ea5916a44), (0x714ea59330902560, 0xc4d7b20ea5916a44)],
    ),
    (
        "realnvp 2 4 [24] false",
        [(0x6ee6b8ba2680bc01, 0x7ded45b8afaa3bad), (0xf445ab4239ba27b4, 0x0425a59952b46b5f)],
    ),
    (
        "realnvp 7 3 [33, 21] true",
        [(0x1c13d208f322ee76, 0x09104d734363818f), (0x2fe8e6476409b672, 0x6b7a6234021723a1)],
    ),
    (
        "realnvp 64 2 [48, 16] false",
        [(0xdc12452297cfe160, 0x719e4241a6d752d1), (0x8688d28d0c59ae2e, 0xbc89ee3abae70dfa)],
    ),
    (
        "realnvp 3 0 [] true",
        [(0xdb3b3128ba29c17e, 0x982c54a47672d7bb), (0xdb3b3128ba29c17e, 0x982c54a47672d7bb)],
    ),
    (
        "nsf 1 1 [4] 2 true",
        [(0x17d931dc85e67050, 0xa1c666b6032eb199), (0x17d931dc85e67050, 0xa1c666b6032eb199)],
    ),
    (
        "nsf 2 4 [24] 8 false",
        [(0xc772d98614b077e5, 0xab11c758e449d0f9), (0x45e18a632b2c8ae4, 0x4be8271cc5a3f526)],
    ),
    (
        "nsf 7 3 [33, 21] 5 true",
        [(0xaab0317dd01ac0f8, 0xff4b38c5e0689bb6), (0x220b1ebeeb7a18b9, 0x30d27c3dcfa78254)],
    ),
    (
        "nsf 33 2 [16] 3 false",
        [(0x52ec4170d3152f5d, 0x8099aaedd37fc943), (0xce87df72a9ef6665, 0x951a8be06d2eae83)],
    ),
    (
        "maf 1 1 [4] Density affine true",
        [(0x9368bcab71af13d6, 0x5f2c018aaa82f5e6), (0x9368bcab71af13d6, 0x5f2c018aaa82f5e6)],
    ),
    (
        "maf 7 3 [33, 21] Density affine false",
        [(0xf2a2fef5fef1ccf3, 0x1286b7bbdff6a594), (0x4d708eba0d1c53bc, 0x434f8887023d7623)],
    ),
    (
        "maf 7 3 [33, 21] Sampling affine true",
        [(0x1fcf326dca4d6e90, 0xf26a7132f960802b), (0xbee085e3a59ed6d7, 0xf986037fa4d76a22)],
    ),
    (
        "maf 37 2 [50] Density affine false",
        [(0x1689c351afc89b9e, 0x8b571bf04389a49d), (0x5b3d92346ce233da, 0x5bafcb9f3c07488c)],
    ),
    (
        "maf 5 3 [24] Density spline true",
        [(0xa5606dfd9f4582a6, 0x9fec328ce6b6bbb7), (0x46828dbfbfe573d0, 0x58b9f174c579823f)],
    ),
    (
        "maf 18 2 [40, 19] Sampling spline false",
        [(0xf500a8e68ea918f8, 0xf0b3b230147f6576), (0x70e9804f0548d9ea, 0x7e45926fd6b8b880)],
    ),
    (
        "flow given 3",
        [(0xfc0bfd08809b1508, 0xc98bf8d65a0bdaea), (0x056eb0e8f9b192c8, 0x169376b627d9f14e)],
    ),
    (
        "flow given 3, embedded in 4",
        [(0xa012d15cef0b9b5b, 0x7ac0d2cc1d9d7854), (0xd70d61bb9c6af380, 0x71bf02114d61ee28)],
    ),
    (
        "sites [] given 2",
        [(0x40cf858d1e40dbe5, 0xddd4324ca13275db), (0x40cf858d1e40dbe5, 0xddd4324ca13275db)],
    ),
    (
        "sites [42, 21] given 2 Z2",
        [(0x81141b4515ef3fe5, 0x3601082507bdc937), (0x81141b4515ef3fe5, 0x4c9dd8b2596a01a6)],
    ),
    (
        "sites [30] given 2, embedded in 5",
        [(0x94ef100c927359e5, 0xdffcc92d7792fb03), (0x94ef100c927359e5, 0x19445bf2ae0ac1f5)],
    ),
    (
        "permute",
        [(0x8387914b7aa4c285, 0xa245904b2f3b8b74), (0x949fb606f27ece66, 0x42544b37b9b722a1)],
    ),
    (
        "categories 3",
        [(0x3b796550333299f5, 0x4af169276d614075), (0x3b796550333299f5, 0xab03485b3afe613a)],
    ),
    (
        "categories 4, no hidden layer",
        [(0x461864955a4e0ac8, 0x70d76c39d397869b), (0x461864955a4e0ac8, 0x70d76c39d397869b)],
    ),
    (
        "categories 700",
        [(0x79be61bd271ab7a0, 0x18f1c8da59edd70e), (0x79be61bd271ab7a0, 0x5bc21f81047ab097)],
    ),
    (
        "categories of each site",
        [(0x95964c365116fbaa, 0xdbaf8ae3e3a2d68a), (0x95964c365116fbaa, 0xcbd9f9130c93b6cf)],
    ),
    (
        "flow Relu",
        [(0x59bd06e0e6fca1cc, 0xf71973368d862204), (0xd7adba663703d2d8, 0x63a132e1d6acda89)],
    ),
    (
        "sites Relu",
        [(0x762390c64cbad365, 0x097b206d3de2dae4), (0x762390c64cbad365, 0x10996e3ffe884676)],
    ),
    (
        "flow Tanh",
        [(0xa6b168ad9e8cc54b, 0xf92c896ba0aa1b39), (0x94a31ab7de07d7bd, 0xdbba3728ad5ad53b)],
    ),
    (
        "sites Tanh",
        [(0x195258b90ef4e5e5, 0x5805b81f6262836d), (0x195258b90ef4e5e5, 0x3f0aeb662fa32ffb)],
    ),
    (
        "flow Elu",
        [(0x60ca49a4dec38b4f, 0x08dbb49ccbbed4df), (0x6cee8c4f7ae586f1, 0x42bc2df819274c4d)],
    ),
    (
        "sites Elu",
        [(0xbc3a9ad9c58238e5, 0x3e0c3097bfc52d8a), (0xbc3a9ad9c58238e5, 0x2aa865285cb57852)],
    ),
    (
        "flow Silu",
        [(0xd747848576496828, 0x5de248002cbd5b5f), (0xd700d7e3ac6ff201, 0xc253316e8aed2591)],
    ),
    (
        "sites Silu",
        [(0x78e7c896aa4ce3e5, 0x8264ea4f9299868a), (0x78e7c896aa4ce3e5, 0x98e09b307d9bd9dd)],
    ),
    (
        "flow Gelu",
        [(0x7059404a353166f0, 0x897eaa190d8d3b3e), (0x381377e70909713e, 0x1fae1c37cd924863)],
    ),
    (
        "sites Gelu",
        [(0xa64ce31c832c9765, 0x912c0e930b7c819f), (0xa64ce31c832c9765, 0x69b125b1206e61ad)],
    ),
    (
        "residual flow",
        [(0x0f7dbe699f3892e2, 0x5669bbfafb60fc94), (0x339514a0ff372829, 0x5c22cbb62287230f)],
    ),
    (
        "residual sites 42 5 true",
        [(0x84e51cf907100a65, 0xc5182b5d914599ce), (0x84e51cf907100a65, 0x15e19b6f52d2f692)],
    ),
    (
        "residual sites 50 3 false",
        [(0xb664ff77519164e5, 0x35f02e686bd3ada2), (0xb664ff77519164e5, 0x04960a1684ffc691)],
    ),
    ("lu", [(0xf11169e6dd0deb6f, 0x21f8cb63b313748d), (0x7bf1983d1b5cead8, 0x9b98cfab8e265a30)]),
    ("lu 37", [(0xc3eff9df88c9b09a, 0x80b1f189377d857d), (0x4e51c3906bec1a4d, 0x80b1f189377d857d)]),
    (
        "rotation",
        [(0x70f98cb02a8af2b8, 0x65fe3dd2e1725ce0), (0x3b8fd5fd12cd230d, 0x29a69598b3651105)],
    ),
    (
        "rotation 37",
        [(0xead3ef95a65eeb95, 0xf0aeee56636b52f1), (0xa369a7829ea2cc9f, 0xf0aeee56636b52f1)],
    ),
    (
        "sinh couplings",
        [(0x834f7ded43223f7c, 0x7e8fef81c61dfc91), (0x3a7fd21f82ce09d7, 0xa4e724859df7e65e)],
    ),
    (
        "sinh maf",
        [(0x9aa5f7bed069555f, 0xa1d98d57c5cbb410), (0xfa81c82f1fd5fba1, 0xa9dc61ab6004aefe)],
    ),
    (
        "location_scale exp",
        [(0x0c639936d026b2b4, 0x4ea1454ab74e3069), (0x69ee8140f890637c, 0x3beba7fcfa823a08)],
    ),
    (
        "location_scale soft_exp",
        [(0xb38664013f048ef2, 0x8730ca09e2e73cad), (0x782eb769057d0a76, 0xbf0ecdf31240bcda)],
    ),
    (
        "location_scale softplus",
        [(0x5a0f0d3dd7d44ace, 0x148b153b28ece829), (0x5a3c334ffdfbe05a, 0x03a9d9ac11d97c7f)],
    ),
    (
        "location_scale sigmoid",
        [(0xc289f9452e76df8a, 0xdc5a61a5be027ca0), (0x497066ae3a3f46f2, 0xdc5a61a5be027ca0)],
    ),
    (
        "location_scale over_sigmoid",
        [(0xd1e9bfde382c6c45, 0x21516dcc4d043314), (0x618b573eb8a15396, 0xdadbd39b6c56a9f9)],
    ),
    (
        "cubic couplings",
        [(0x6c994e423f341126, 0xf54f45f777d25714), (0xb5aeef85465b3886, 0xff0ce14359a5b572)],
    ),
    (
        "cubic maf",
        [(0x73fa70088b2303f6, 0xa8a19bb4c9b02370), (0xa00bbce5d1c8a4fe, 0x1f3f385ad6297dd7)],
    ),
    (
        "mixture_cdf couplings",
        [(0xcd19eb5d2d686e5c, 0x02ee412dcdb23f6a), (0x800f3936941d90b5, 0x8ea4c2c364fa02f8)],
    ),
    (
        "mixture_cdf maf",
        [(0xfce2693926c29375, 0x9abb1c800da8417e), (0x862236e33f21281a, 0x3cad9d67aa68f03f)],
    ),
    (
        "uniform",
        [(0xb983b1b45a5c014b, 0xf8380bad5845acb7), (0xdee38d896bce8f0a, 0xcf75328cd16f769e)],
    ),
    ("box", [(0x121479cf67b47dd5, 0x57db7f80f1498874), (0xb049fdb6e678328d, 0x05e8f15d57a6b679)]),
    (
        "circular",
        [(0xc5e19e7d8bf64c0a, 0x48915c879b60aaa2), (0x3457d73a6990ede8, 0x1e5fec23e4a1eff9)],
    ),
    (
        "von_mises",
        [(0x7fa430e7de548139, 0xe66a8f019bb097f4), (0xd515787d452eb5f0, 0xe144b4fda2c727a6)],
    ),
    (
        "von_mises nearly uniform",
        [(0x534078d041c516dd, 0x1beb94289c9d7e44), (0xd75c96606fa9a711, 0x3fdad79c78350f75)],
    ),
    (
        "mixture",
        [(0xcee7a48f9987acfa, 0x9f8b04b73921613a), (0x4d75461e669f110a, 0x1ca58346d1c2761f)],
    ),
    (
        "listed units",
        [(0x489324b21751d3e6, 0x278f751a8270cb2b), (0xccd8644590e936ce, 0x0f8c795ba45e72d7)],
    ),
    (
        "listed units, soft-clipped box",
        [(0x310ccfc2c3ba9aa2, 0x7a972be45dddc9a7), (0x6f5f0f3658fd2859, 0xd1e458af6dad475c)],
    ),
    (
        "context added",
        [(0x980c186c219c60f4, 0xd3791b078eec6424), (0xd89c2ac2553cf3f2, 0x44c498a3d4d677c1)],
    ),
    (
        "context gates",
        [(0xc0925cc28108f01c, 0x652fd3042859ac17), (0x410f9d767481e2ca, 0xbbcdd1830c77939a)],
    ),
    (
        "periodic",
        [(0xc020ee756a26ed74, 0xc9f21664a3330169), (0x0e658ba61939ff2b, 0xb00ad68b5bb3894c)],
    ),
    (
        "periodic 21",
        [(0x9cd9ef81cf331eb2, 0x066e832e6cc67cc4), (0x95f4ce8802eb701d, 0x0c0b89f9418e051e)],
    ),
    (
        "bounds",
        [(0x4a407d3e290e2317, 0x1e7eb6d56393099b), (0x3eb76d1ef7202e63, 0xc571eef057f30142)],
    ),
    (
        "bounds alone",
        [(0x43044dcb5207009a, 0x442bd45a177a4bf7), (0x43044dcb5207009a, 0x442bd45a177a4bf7)],
    ),
    (
        "table 5",
        [(0xda879ae10e8c6397, 0x72d4fb4dc0f84890), (0x34cfdd3868bfe18e, 0x15a58d83a26d2810)],
    ),
    (
        "table 21, given",
        [(0xfa701ab93eb46029, 0x0c012a2c8f6f335a), (0xe066f4f20b8ee07f, 0x53f9e16f962789c8)],
    ),
    (
        "table of circles",
        [(0x9a6591cc9128dc1c, 0x1c880479094ec7e2), (0x0894b8fffd0ab260, 0x53848ef491d31f1f)],
    ),
    (
        "truncated normal",
        [(0xe7e84164fa2e3919, 0xf87d9bdc02a2e669), (0x5778d0d190a0ae0b, 0xc9874be1ff77d815)],
    ),
    (
        "product",
        [(0x2b3c61127885982f, 0xc208a3b099891cc9), (0xf060f2549dcbf6e9, 0xe0411f79b8334430)],
    ),
    (
        "product, attempts",
        [(0xe0a2e016d57c91b1, 0x3a0ee491c75f1e6e), (0x12525fa069d147b8, 0x94aececdbb3c8b3e)],
    ),
    (
        "simplex",
        [(0x79d82a5425b75dc4, 0xd5093de92ec069b4), (0xa548fca295b6e6ce, 0x03766fa9e2d47ee5)],
    ),
    (
        "simplex alone",
        [(0x4d3361e5be9307d6, 0x48bfb5bb09f90e01), (0x4d3361e5be9307d6, 0x48bfb5bb09f90e01)],
    ),
    (
        "partial",
        [(0x1cba91f37075926f, 0x86e91b89b731468e), (0x8e4ac8545f19a358, 0xa346c9c82aaf9e41)],
    ),
    (
        "partial 22",
        [(0x5ca7118b171d330b, 0x0dc97b096c5198a4), (0xe73d6cd761f72513, 0x84c8a467fd0256d7)],
    ),
    (
        "partial, angles",
        [(0x6550c7f3a3eb07ec, 0x7a32d59e49bd2336), (0x03ff7c3044667eaa, 0xab46f7e9b0f88c28)],
    ),
    (
        "integer 16 [64] I8 Some(I8) None",
        [(0x7c70b1a8a2cec825, 0x39ff19ae10e799b1), (0x7c70b1a8a2cec825, 0x39ff19ae10e799b1)],
    ),
    (
        "integer 37 [111, 50] I8 Some(I16) Z2",
        [(0xb759f85b84818ae5, 0x309d219b6138d7fd), (0xb759f85b84818ae5, 0x309d219b6138d7fd)],
    ),
    (
        "integer 21 [30] I16 Some(I16) None",
        [(0x5a156f8140b40b65, 0xb9be278b912cf0a5), (0x5a156f8140b40b65, 0xb9be278b912cf0a5)],
    ),
    (
        "integer 40 [80] I8 None None",
        [(0x0c3d01caaba0e8a5, 0x1b776ce192d4055f), (0x0c3d01caaba0e8a5, 0x1b776ce192d4055f)],
    ),
    (
        "integer 5 [] I8 Some(I8) None",
        [(0x456b75dc9b3e9865, 0xd4ab9c78c108ab76), (0x456b75dc9b3e9865, 0xd4ab9c78c108ab76)],
    ),
    (
        "integer 16 [64] I8 Some(I8) None given 2",
        [(0xc16381158ef60c25, 0x1740d0644af80d3a), (0xc16381158ef60c25, 0x1740d0644af80d3a)],
    ),
    (
        "integer 37 [50, 21] I8 Some(I16) Z2 given 3",
        [(0x22e532b672ec6165, 0xd1b11f98145072c2), (0x22e532b672ec6165, 0xd1b11f98145072c2)],
    ),
    (
        "integer 21 [30] I16 None None given 1",
        [(0x44f7ca68eab9a1e5, 0xc9b8fb825def9b7e), (0x44f7ca68eab9a1e5, 0xc9b8fb825def9b7e)],
    ),
    (
        "integer 9 given 3, embedded in 4",
        [(0x80b5d4b1c19dd3e5, 0xe2c9b8cbed2813ad), (0x80b5d4b1c19dd3e5, 0xe2c9b8cbed2813ad)],
    ),
    (
        "integer realnvp",
        [(0x7f71b6c5c102a037, 0xb2e800ab40117252), (0x7f71b6c5c102a037, 0xb2e800ab40117252)],
    ),
    (
        "integer nsf, given",
        [(0x2ea60602551407ae, 0x2b1124c4f67a828e), (0x2ea60602551407ae, 0x2b1124c4f67a828e)],
    ),
    (
        "integer nsf of 16 bits",
        [(0xdab19e8eed26d693, 0x1c3102c5ffa996da), (0xdab19e8eed26d693, 0x1c3102c5ffa996da)],
    ),
    (
        "integer, without hidden layers",
        [(0xc9a1a8ba84ca6102, 0x4881f819f7d193b2), (0xc9a1a8ba84ca6102, 0x4881f819f7d193b2)],
    ),
    (
        "integer, of some",
        [(0x24ad57401173b537, 0xc64b2a34fe4fb13d), (0x24ad57401173b537, 0xc64b2a34fe4fb13d)],
    ),
    (
        "integer maf",
        [(0x588715dc44356855, 0x6b22222543f0dff7), (0x588715dc44356855, 0x6b22222543f0dff7)],
    ),
    (
        "integer iaf, given",
        [(0xa312113bf68bf87b, 0x7b9e5766dc67571e), (0xa312113bf68bf87b, 0x7b9e5766dc67571e)],
    ),
    (
        "integer maf of 16 bits",
        [(0xc8980d56c27c7815, 0xf4acd6525e145547), (0xc8980d56c27c7815, 0xf4acd6525e145547)],
    ),
    (
        "integer maf, direct terms alone, given",
        [(0xfb7be586c91f3798, 0xcbf234b7d5de4928), (0xfb7be586c91f3798, 0xcbf234b7d5de4928)],
    ),
    (
        "integer iaf, of some, of which some are kept",
        [(0x5899c0f6e4ea2e18, 0x9542a06241eae1af), (0x5899c0f6e4ea2e18, 0x9542a06241eae1af)],
    ),
    (
        "multilevel 2 [3] Leaky 1 None given 0",
        [(0x864f7ce3953857a5, 0xf7060e8d1a35d87a), (0x864f7ce3953857a5, 0x141b45d23132001a)],
    ),
    (
        "multilevel 2 [3] Tanh 1 None given 0",
        [(0x5315a038484f0325, 0xfbde3658160d36fc), (0x5315a038484f0325, 0xfbde3658160d36fc)],
    ),
    (
        "multilevel 4 [7] Tanh 2 None given 0",
        [(0x06bf2a5cb615ab25, 0x72f31749229aa7db), (0x06bf2a5cb615ab25, 0x4f73adbe6d4d3a18)],
    ),
    (
        "multilevel 8 [20, 5] Leaky 2 None given 2",
        [(0x6af2530b65d8cd25, 0x92756527b4bdb0c9), (0x6af2530b65d8cd25, 0x884c323e9e54608b)],
    ),
    (
        "multilevel 8 [17] Leaky 2 None given 0",
        [(0xbd8dc6782055d4a5, 0x115d2d0908643249), (0xbd8dc6782055d4a5, 0x7013252f98e94149)],
    ),
    (
        "multilevel 4 [9] Relu 2 Some(3) given 1",
        [(0xc1b965e59736a195, 0x0a17bed919615238), (0xc1b965e59736a195, 0x8bc3a622605ba14d)],
    ),
    (
        "convolution 1 by 5 [3] Leaky",
        [(0xf0eea1ecd0242de5, 0x4c967432dff9da3e), (0xf0eea1ecd0242de5, 0x4c967432dff9da3e)],
    ),
    (
        "convolution 4 by 4 [7] Tanh",
        [(0xa61c69184735eca5, 0x6dde2a7d06e8b181), (0xa61c69184735eca5, 0xb2bfc9fe610ef50c)],
    ),
    (
        "convolution 3 by 8 [37, 5] Leaky, uniform start",
        [(0x2bdf8bb8c72d1225, 0x41407dc4fda128f5), (0x2bdf8bb8c72d1225, 0x80b7eeaa8105cbdc)],
    ),
    (
        "convolution 3 by 4 [] Relu",
        [(0xe64f37d9c9696d25, 0xd3f67386109ceb39), (0xe64f37d9c9696d25, 0xd3f67386109ceb39)],
    ),
    (
        "convolution 8 by 5 [20, 16] Relu, given",
        [(0xfcbeaa0700ea2125, 0x5a839f9ebab6a19e), (0xfcbeaa0700ea2125, 0x102f4a80b7e244e8)],
    ),
    (
        "convolution 6 by 4 [17, 17, 17] Leaky, residual, z2",
        [(0xf0876a8596e18ba5, 0x9a29b1bc9e498c4b), (0xf0876a8596e18ba5, 0x7f2231319fb9a1af)],
    ),
    (
        "convolution 4 by 4 [6, 6, 6] Relu, residual, given, categories",
        [(0x99cb5d194440a118, 0xd78833651afea268), (0x99cb5d194440a118, 0x572e3933b6147495)],
    ),
    (
        "convolution 3 by 4 [16] Leaky, counts",
        [(0xd3fc5d6ed8499925, 0x46c85cc3f2b5e750), (0xd3fc5d6ed8499925, 0xe8ae2ed78aebed1a)],
    ),
    (
        "counts 3 of 6 [] None given 0",
        [(0xb3579e77d4e648a5, 0x93ae8dc70b016bfe), (0xb3579e77d4e648a5, 0x93ae8dc70b016bfe)],
    ),
    (
        "counts 5 of 10 [24] Z2 given 0",
        [(0xc5c5a9edf8e881a5, 0x2117b7452b69143c), (0xc5c5a9edf8e881a5, 0x2117b7452b69143c)],
    ),
    (
        "counts 9 of 37 [60, 41] None given 0",
        [(0x410f14be2e25b165, 0x5d656d42bc177e7b), (0x410f14be2e25b165, 0x6836e4d9e42ea72c)],
    ),
    (
        "counts 7 of 12 [17] None given 2",
        [(0x34d3b10e57027c25, 0xd102b2e241e80a41), (0x34d3b10e57027c25, 0x284eba2cabb926d3)],
    ),
    (
        "counts 5 of 5 [9] None given 0",
        [(0x48fa856c966fb865, 0x81b169c331cabfa5), (0x48fa856c966fb865, 0x81b169c331cabfa5)],
    ),
    (
        "counts 6 of 3",
        [(0x95f65f1a0ecfe915, 0xedee0c7f146f6b35), (0x95f65f1a0ecfe915, 0x934cad1f1ce893e9)],
    ),
    (
        "permutations 5 of 5",
        [(0x8c0fe9c9e1e78af5, 0x573ff0a938072684), (0x8c0fe9c9e1e78af5, 0x9ab75061b38bb2da)],
    ),
    (
        "counts 20 of 4",
        [(0xf0d64ea19c7d1e25, 0x65db826359377c99), (0xf0d64ea19c7d1e25, 0x232610066008a00f)],
    ),
    (
        "increasing 3 of 7",
        [(0x53703997e2835e58, 0xf169284c379a8fd7), (0x53703997e2835e58, 0x68ac12e5f0e98365)],
    ),
    (
        "increasing 13 of 40",
        [(0x34f75ac41ea88760, 0xb3cf5da9cd3d363f), (0x34f75ac41ea88760, 0xf566dc119ca41ac6)],
    ),
    (
        "successors 4 of 7",
        [(0xb40fb1e37bf3df88, 0x256ce37082721c77), (0xb40fb1e37bf3df88, 0xf483ea482a5a7406)],
    ),
    (
        "successors 17 of 7",
        [(0x579c024e00a97b78, 0x089a9e7e0d1ed277), (0x579c024e00a97b78, 0x5bce7bd63b733284)],
    ),
    (
        "integer counts 5 of 10 [24] Z2 given 0",
        [(0x73c564d44569c7a5, 0xc0813c93f8666b96), (0x73c564d44569c7a5, 0xc0813c93f8666b96)],
    ),
    (
        "group of [5] [9] 0 true Reversal",
        [(0x1ff37096d1467d65, 0xad3ada91652bd57c), (0x1ff37096d1467d65, 0xad3ada91652bd57c)],
    ),
    (
        "group of [3, 3] [20] 0 true Same",
        [(0x8c993283417f47e5, 0x7a3dcff59a7b3a5a), (0x8c993283417f47e5, 0x7a3dcff59a7b3a5a)],
    ),
    (
        "group of [2, 3] [12] 0 true Same, z2",
        [(0x0f0664e7def6c7a5, 0x50574b351e03b72d), (0x0f0664e7def6c7a5, 0x50574b351e03b72d)],
    ),
    (
        "group of [3, 3] [20] 0 true Same, counts",
        [(0xda56c05938a91d65, 0x68d2abc3f0569e84), (0xda56c05938a91d65, 0x68d2abc3f0569e84)],
    ),
    (
        "group of [4, 4] [] 0 true Reversal, convolution",
        [(0x2008ba25f4c78325, 0xeae8bc0d9edc7713), (0x2008ba25f4c78325, 0xeae8bc0d9edc7713)],
    ),
    (
        "group of [3, 3] [] 0 true Same, point alone",
        [(0x42bc2aad0b8ff365, 0x81b67d416c60e26f), (0x42bc2aad0b8ff365, 0x81b67d416c60e26f)],
    ),
    (
        "group of [2, 5] [12] 0 true Reversal, embedded",
        [(0xb1243f4ee76a88a5, 0xafc05fc0678cedb3), (0xb1243f4ee76a88a5, 0xafc05fc0678cedb3)],
    ),
    (
        "group of [2, 2] [11] 3 true Permutations",
        [(0x40dc5d5ade2e7985, 0x352153fc2448a176), (0x40dc5d5ade2e7985, 0x3bef8d489b7aea3b)],
    ),
    (
        "group of [2, 2, 1] [7] 6 false Cyclic, given",
        [(0x6b85702b71550f98, 0x24d0897ea681c116), (0x6b85702b71550f98, 0xc30c51082de094a7)],
    ),
    (
        "group of [6] [13] 4 true Reversal",
        [(0x3fb7b03e54948fc8, 0x8acb9c1f548492e0), (0x3fb7b03e54948fc8, 0x9b08eaf1fda2a1ed)],
    ),
    (
        "group of [3, 2] [24] 0 true Reversal, integer",
        [(0x5170bb065936e7a5, 0xc936a2ca8e36cce8), (0x5170bb065936e7a5, 0xc936a2ca8e36cce8)],
    ),
    (
        "flow Smoothstep",
        [(0x68ec20664d0928c7, 0xebb7451cd92408f9), (0xf60acb01d54771bb, 0x1c77d3e60acb55ca)],
    ),
    (
        "sites Smoothstep",
        [(0x1c21bc7d27118de5, 0x0f16600af7170200), (0x1c21bc7d27118de5, 0xd3446196e778fe9e)],
    ),
];

#[test]
fn samples_and_log_probs_have_their_pinned_bits() {
    let mut table = String::new();
    let mut wrong = Vec::new();
    for (name, description) in descriptions() {
        let mut found = [(0, 0); 2];
        for (found, arithmetic) in found.iter_mut().zip(ARITHMETICS) {
            let model = randomised(description.clone(), arithmetic, 0.3);
            *found = hashes(&model, Level::Scalar);
            for level in Level::available() {
                assert_eq!(hashes(&model, level), *found, "{name} {arithmetic:?} {level:?}");
            }
        }
        let [fused, plain] = found.map(|(rows, lp)| format!("({rows:#018x}, {lp:#018x})"));
        table += &format!("    ({name:?}, [{fused}, {plain}]),\n");
        if PINNED.iter().find(|(pinned, _)| *pinned == name).is_none_or(|(_, bits)| *bits != found)
        {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "bits changed for {wrong:?}; the table is now\n{table}");
    assert_eq!(ARITHMETICS, [Arithmetic::Fused, Arithmetic::Plain], "the order of the table");
}

#[test]
fn a_thousand_rows_of_the_firmware_s_models_have_their_pinned_hash() {
    let mut wrong = String::new();
    for (name, file, pinned) in thousand::PINNED {
        let model = Model::from_bytes(file).unwrap();
        let context = thousand::context(model.description().context());
        for level in Level::available() {
            let sampler = model.sampler().unwrap().with_level(level);
            let mut rows = vec![0.0; thousand::N * sampler.dim()];
            let mut log_prob = vec![0.0; thousand::N];
            let given = sampler.given(&context);
            given.sample(thousand::SEED, thousand::FIRST, &mut rows, Some(&mut log_prob));
            let found = thousand::hash_of_rows(&rows, &log_prob);
            if found != pinned {
                wrong +=
                    &format!("{name} at {level:?}: found {found:#018x}, pinned {pinned:#018x}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
