mod explain;
mod fixture;
mod golden;
mod planning;
