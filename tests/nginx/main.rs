//! The reader of nginx configuration against cases as data and against a real nginx.

#[cfg(test)]
mod case;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod random;
#[cfg(test)]
mod real;
#[cfg(test)]
mod traps;
