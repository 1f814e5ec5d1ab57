mod fixture;
mod golden;
mod planning;
