//! How racks are arranged: side by side where that fits a page, else in several bands below each other.

use super::measure::{GAP, count};
use super::racks::Rack;

/// A picture at most this wide is not broken, in pixels.
const FITS: i32 = 2400;
/// What a picture that must be broken should be like, its width to its height.
const SHAPE: f64 = 1.6;
/// Height of what stands above the racks of each band, roughly.
const ABOVE: i32 = 420;
/// How much worse a picture looks with each more band.
const BREAK: f64 = 0.05;

/// How racks are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// How many servers of a rack stand side by side.
    pub columns: usize,
    /// How many racks stand side by side.
    pub per_band: usize,
    /// All servers of a rack stand side by side, right below their leafs.
    pub direct: bool,
}

impl Arrangement {
    /// Chooses; `size` tells width and height of a rack with that many servers side by side.
    pub(super) fn choose(racks: &[Rack], size: impl Fn(&Rack, usize, bool) -> (i32, i32)) -> Self {
        let most = racks.iter().map(|rack| rack.servers.len()).max().unwrap_or(0).max(1);
        let sizes = |columns: usize| -> Vec<(i32, i32)> {
            racks.iter().map(|rack| size(rack, columns, columns == most)).collect()
        };
        let side_by_side: i32 = sizes(most).iter().map(|(width, _)| width + GAP).sum();
        let mut best = Self { columns: most, per_band: racks.len().max(1), direct: true };
        if side_by_side <= FITS {
            return best;
        }
        let mut least = f64::INFINITY;
        for columns in 1..=most {
            let sizes = sizes(columns);
            let width = sizes.iter().map(|size| size.0).max().unwrap_or(0) + GAP;
            let height = sizes.iter().map(|size| size.1).max().unwrap_or(0) + ABOVE;
            for bands in 1..=racks.len() {
                let per_band = racks.len().div_ceil(bands);
                let (wide, high) = (width * count(per_band), height * count(racks.len().div_ceil(per_band)));
                let shape = f64::from(wide) / f64::from(high.max(1));
                let ugly = (shape / SHAPE).ln().abs() + BREAK * f64::from(count(bands));
                if ugly < least {
                    least = ugly;
                    best = Self { columns, per_band, direct: columns == most };
                }
            }
        }
        best
    }
}
