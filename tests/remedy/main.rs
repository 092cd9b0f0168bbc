//! The commands that remedies print, carried out on the evidence of the AWS traps: what they open passes, and nothing
//! is opened to everybody.

#[cfg(test)]
mod estate;
#[cfg(test)]
mod opened;
#[cfg(test)]
mod quotas;
