//! The reader of nginx configuration against cases as data, against a real nginx, and against hostile text.

#[cfg(test)]
mod case;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod real;
#[cfg(test)]
mod traps;
