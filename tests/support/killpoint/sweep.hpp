/// Kills a process at every point of an operation and has the survivors judge each time.
#pragma once

#include "scenario.hpp"
#include "servant.hpp"
#include "traced_child.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace hawser::test::killpoint {

struct sweep_options {
  /// An operation of at most so many instructions is killed at every one of them. A longer one
  /// is killed around every effect (see shared_effects.hpp) and at `samples` instructions taken
  /// at random.
  std::uint64_t every_instruction_max = 5000;
  std::uint64_t samples = 40;
  /// A survivor that judges for longer hangs. It makes several waits of up to `hang_limit`.
  std::chrono::milliseconds check_limit = 4 * hang_limit;
  /// Gives up on a scenario after so many failures.
  std::size_t failures_max = 3;
};

struct sweep_report {
  std::string name;
  std::uint64_t instructions = 0;  ///< that the whole operation takes
  std::uint64_t effects = 0;       ///< system calls, and changes of shared memory
  bool every_instruction = false;  ///< whether it was killed at every single one
  std::uint64_t points = 0;        ///< kills
  std::vector<std::uint64_t> outcomes;
  std::chrono::microseconds slowest{0};
  std::vector<std::string> failures;
};

class sweep {
 public:
  /// `become_tracer` was called before.
  sweep(scenario& subject, const sweep_options& options) : subject_(subject), options_(options) {}

  sweep_report run();

 private:
  /// When a victim is killed: at the first of these.
  struct target {
    std::uint64_t instructions = UINT64_MAX;
    std::uint64_t effects = UINT64_MAX;
    bool inside_sleep = false;  // in the first system call that sleeps
    bool spared = false;        // only after the survivor has listened
    bool on_foot = false;       // not by breakpoints: they led elsewhere
    /// Whether it is let run to its end, to see how long that is.
    [[nodiscard]] bool measures() const {
      return instructions == UINT64_MAX && effects == UINT64_MAX && !inside_sleep && !spared;
    }
    [[nodiscard]] std::string to_text() const;
  };
  /// Where a victim can be brought at full speed: behind a system call, or just before an effect.
  struct waypoint {
    std::size_t calls;                    // system calls before it
    std::uint64_t address, visits;        // of the instruction, since the last call; 0: behind that
    std::uint64_t instructions, effects;  // done there
  };
  /// How far it came.
  struct passage {
    std::uint64_t instructions = 0, effects = 0;
    bool complete = false;
    bool slept = false;
    bool strayed = false;             // a waypoint was not where it had been
    std::uint64_t address = 0;        // of the instruction it did not execute
    std::string failure;              // of the passage itself
    std::vector<waypoint> waypoints;  // of a victim that was let run to its end
  };
  /// The processes around the victim.
  struct world {
    connection news;  // from the sleeper to the survivor
    std::optional<servant> survivor, sleeper;
  };

  void sweep_points(sweep_report& report);
  /// Tries the point; once more, if that was another one.
  passage come_to(target where, sweep_report& report);
  passage try_point(const target& where, sweep_report& report);
  passage kill_at(const target& where, verdict& found);
  passage operate_until(const target& where, traced_child& victim);
  /// The last one before `where`; nullptr: there is none.
  const waypoint* waypoint_before(const target& where) const;
  /// Brings the victim near `where` at full speed. False: it has come to the end already.
  bool approach(const waypoint* nearest, traced_child& victim, passage& state) const;
  void set_up(passage& state);
  void build_world();
  void tear_down(sweep_report& report);

  scenario& subject_;
  sweep_options options_;
  std::unique_ptr<world> world_;
  int object_ = 0;
  std::vector<waypoint> waypoints_;  // of the whole operation; empty if it sleeps
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace hawser::test::killpoint
