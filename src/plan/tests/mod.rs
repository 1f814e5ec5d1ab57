mod explain;
mod fixture;
mod golden;
mod matching;
mod planning;
