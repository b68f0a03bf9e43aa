//! What passes for the path of a tile or a bundle is printed as it was, and is never both.
#![no_main]

use kairan::merkle::tile::{Bundle, Tile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    let (tile, bundle) = (Tile::parse(path), Bundle::parse(path));
    assert!(tile.is_none() || bundle.is_none());
    if let Some(tile) = tile {
        assert_eq!(tile.path(), path);
        assert!(tile.level <= 63 && (1..=256).contains(&tile.width));
        assert!(tile.level < 8 || !tile.is_in(u64::MAX));
    }
    if let Some(bundle) = bundle {
        assert_eq!(bundle.path(), path);
        assert!((1..=256).contains(&bundle.width));
    }
});
