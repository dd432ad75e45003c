/// The protocol broken on purpose, to prove that the kill-point sweep would notice.
#pragma once

#include <string>

namespace hawser::test {

/// Runs the sweep with each mutant whose name contains `filter`, until something notices.
/// Prints what did, and the closing line.
///
/// Returns    The exit status: 0 if every one was caught, 2 in a build without mutants.
int run_mutants(const std::string& filter);

}  // namespace hawser::test
