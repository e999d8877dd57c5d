//! Outlines of what is black in a grid: a third of the numbers that its boxes would take.

/// A corner of the grid.
type Corner = (usize, usize);

/// Where an outline goes from a corner, black on its right hand, as a bit of a set.
const RIGHT: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const UP: u8 = 8;

/// The outlines, each by the corners where it turns. What they go around to the right is black; filled as one path it is what was given.
pub fn of(rows: &[Vec<bool>]) -> Vec<Vec<Corner>> {
    let is_black = |x: usize, y: usize| rows.get(y).and_then(|row| row.get(x)).copied().unwrap_or(false);
    let side = rows.iter().map(Vec::len).max().unwrap_or(0).max(rows.len()) + 1;
    let mut ways = Ways { side, sets: vec![0; side * side] };
    for (y, row) in rows.iter().enumerate() {
        for x in row.iter().enumerate().filter(|(_, black)| **black).map(|(x, _)| x) {
            // Past the left and upper edges there is nothing.
            for (way, from, beyond) in [
                (RIGHT, (x, y), (x, y.wrapping_sub(1))),
                (DOWN, (x + 1, y), (x + 1, y)),
                (LEFT, (x + 1, y + 1), (x, y + 1)),
                (UP, (x, y + 1), (x.wrapping_sub(1), y)),
            ] {
                if !is_black(beyond.0, beyond.1) {
                    ways.add(from, way);
                }
            }
        }
    }
    let mut outlines = Vec::new();
    for y in 0..side {
        for x in 0..side {
            while let Some(way) = ways.take((x, y)) {
                outlines.push(ways.follow((x, y), way));
            }
        }
    }
    outlines
}

/// The ways that nobody has gone yet.
struct Ways {
    side: usize,
    sets: Vec<u8>,
}

impl Ways {
    fn add(&mut self, (x, y): Corner, way: u8) {
        if let Some(set) = self.sets.get_mut(y * self.side + x) {
            *set |= way;
        }
    }

    fn take(&mut self, (x, y): Corner) -> Option<u8> {
        let set = self.sets.get_mut(y * self.side + x)?;
        let way = [RIGHT, DOWN, LEFT, UP].into_iter().find(|way| *set & way != 0)?;
        *set &= !way;
        Some(way)
    }

    /// Back to where it begins. As many ways lead to a corner as from it, so there is always one.
    fn follow(&mut self, start: Corner, first: u8) -> Vec<Corner> {
        let (mut outline, mut at, mut way) = (vec![start], start, first);
        loop {
            at = match way {
                RIGHT => (at.0 + 1, at.1),
                DOWN => (at.0, at.1 + 1),
                LEFT => (at.0.saturating_sub(1), at.1),
                _ => (at.0, at.1.saturating_sub(1)),
            };
            let Some(next) = (at != start).then(|| self.take(at)).flatten() else { return outline };
            if next != way {
                outline.push(at);
            }
            way = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often outlines go around the middle of a module: once for each black one, and never for any other.
    fn filled(outlines: &[Vec<Corner>], x: usize, y: usize) -> i32 {
        let upright = outlines.iter().flat_map(|outline| {
            let ends = outline.iter().cycle().skip(1);
            outline.iter().zip(ends).filter(|(one, other)| one.0 == other.0 && one.0 > x)
        });
        let crossed = upright.filter(|(one, other)| (one.1.min(other.1)..one.1.max(other.1)).contains(&y));
        crossed.map(|(one, other)| if one.1 < other.1 { 1 } else { -1 }).sum()
    }

    #[test]
    fn outlines_go_around_what_is_black_and_nothing_else() {
        for pattern in [
            vec!["#"],
            vec!["...", "...", "..."],
            vec!["###", "#.#", "###"],
            vec!["#.#", ".#.", "#.#"],
            vec!["#####", "#...#", "#.#.#", "#...#", "#####"],
            vec!["##..", "..##", "#.#.", ".##."],
        ] {
            let rows: Vec<Vec<bool>> = pattern.iter().map(|row| row.bytes().map(|byte| byte == b'#').collect()).collect();
            let outlines = of(&rows);
            for (y, row) in rows.iter().enumerate() {
                for (x, black) in row.iter().enumerate() {
                    assert_eq!(filled(&outlines, x, y), i32::from(*black), "{pattern:?} {x} {y}");
                }
            }
        }
        assert_eq!(of(&[vec![true, true], vec![true, true]]), [[(0, 0), (2, 0), (2, 2), (0, 2)]]);
    }
}
