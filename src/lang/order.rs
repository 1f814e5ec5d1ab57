//! Things that refer to each other, each after what it refers to.

/// An order in which everything comes after what it needs, otherwise as given; and the cycles, each once, in the order in which
/// they run. What is in a cycle, or needs one, still has its place in the order.
///
/// `needs[i]` are the indices that `i` refers to.
pub(crate) fn order(needs: &[Vec<usize>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut sort = Sort { needs, state: vec![State::New; needs.len()], out: vec![], cycles: vec![] };
    for start in 0..needs.len() {
        sort.visit(start);
    }
    (sort.out, sort.cycles)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

struct Sort<'a> {
    needs: &'a [Vec<usize>],
    state: Vec<State>,
    out: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

impl Sort<'_> {
    /// Depth first, with a stack of our own: a chain of references may be longer than a thread's stack.
    fn visit(&mut self, start: usize) {
        if self.state[start] != State::New {
            return;
        }
        self.state[start] = State::Open;
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let (at, child) = (*at, self.needs[*at].get(*next).copied());
            *next += 1;
            match child {
                None => {
                    self.state[at] = State::Done;
                    self.out.push(at);
                    path.pop();
                }
                Some(child) => match self.state[child] {
                    State::New => {
                        self.state[child] = State::Open;
                        path.push((child, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|(i, _)| *i == child).unwrap_or(0);
                        self.cycles.push(path[from..].iter().map(|(i, _)| *i).collect());
                    }
                    State::Done => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn needs_come_first_and_cycles_are_named() {
        assert_eq!(order(&[vec![2], vec![], vec![1]]), (vec![1, 2, 0], vec![]));
        assert_eq!(order(&[vec![1], vec![0], vec![0]]), (vec![1, 0, 2], vec![vec![0, 1]]));
        assert_eq!(order(&[vec![0]]), (vec![0], vec![vec![0]]));
    }
}
