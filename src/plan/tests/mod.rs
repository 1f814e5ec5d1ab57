mod explain;
mod fixture;
mod golden;
mod look;
mod matching;
mod planning;
