//! Ends of the long helps: examples, and what exit codes mean.

pub(super) const OVERVIEW: &str = "\
Options with [env: NAME] are also read from the environment; what is typed wins.

Exit codes:
  0    as desired
  1    the devices answered, and not everything is as desired, or a step failed
  2    the command line, the inventory or a template is wrong, or a saved plan doesn't hold any more;
       nothing was touched
  3    plan --exit-code found changes
  4    a device could not be reached
  5    the run failed and was rolled back: everything is as it was before it
  70   a bug in fabricctl
  130  interrupted, after cleaning up

Examples:
  sudo fabricctl lab up             a lab of the reference fabric on this machine
  fabricctl deploy --lab            deploy to it
  fabricctl verify routes --lab     prove it
  fabricctl deploy -i my/fabric     deploy to real devices, through your own ssh configuration";

pub(super) const RENDER: &str = "\
Templates of the inventory's own, in the folder templates beside fabric.yml, win over those that are built in.
Where a device gets a secret, <secret> is shown and written.

Examples:
  fabricctl render -l leaf01                                every file of a node
  fabricctl render --out before; …; fabricctl render --out after; diff -r before after";

pub(super) const PLAN: &str = "\
Examples:
  fabricctl plan --lab                 what would change in the lab, with the differences of files
  fabricctl plan -l 'leaf*' -o json    for programs
  fabricctl plan --exit-code           3 when there is something to change, for scripts
  fabricctl plan --detail -l leaf01    with the commands that run on the device
  fabricctl plan --out change.plan     save it; then: fabricctl deploy change.plan";

pub(super) const DEPLOY: &str = "\
With FILE, a plan that plan --out saved is carried out. The file holds digests, not contents: the plan is made anew from
the same inventory and templates, and compared with the saved one, as is what is on the devices. If anything differs, it
is named, nothing is changed anywhere, and the exit code is 2.

A wave (spines, leafs, servers, workloads) goes in batches. Nodes that carry no traffic yet go together; of the others
never two spines, nor two leafs with a server in common. After each batch that can cost traffic the routes are looked at,
until all that were there before and are still wanted have been there again two seconds after it; what needs longer than
--wait has failed. Changes that can't but interrupt, such as another AS number or password at both ends of a session, need
--all-at-once. When a run is undone, its nodes follow one another in the same way; devices that must help themselves
don't know of each other.

A node fails when one of its steps does, and all nodes of a batch fail after which routes stay away. Within --max-fail a
node that fails gets back what it had before (with --on-failure keep it stays as it is), is told at the end (exit code 1),
and the others go on and are confirmed. One more, or the canary, and the whole run fails.

Examples:
  fabricctl deploy --lab                to the lab, after asking
  fabricctl deploy --lab --yes          without asking
  fabricctl deploy -l '*:!leaf03'       leave a device out
  fabricctl deploy --dry-run -o json    the plan, for programs
  fabricctl deploy change.plan --lab    exactly what was planned, or nothing
  fabricctl deploy --on-failure keep    leave what was done where a step fails
  fabricctl deploy --canary leaf03 --serial 1        leaf03 first, then one by one
  fabricctl deploy --serial 25% --max-fail 2         a quarter of a wave at a time; two nodes may fail";

pub(super) const CONFIRM: &str = "\
Examples:
  fabricctl deploy --confirm manual --confirm-within 10m    change, and look around for ten minutes
  fabricctl confirm                                         keep it; without this all comes back";

pub(super) const TEARDOWN: &str = "\
Examples:
  fabricctl teardown --lab --dry-run        what would be removed
  fabricctl teardown --lab --keep-config    containers, networks and images only";

pub(super) const HISTORY: &str = "\
Runs are kept in .fabricctl beside the inventory, the newest 100 (or FABRICCTL_JOURNAL_KEEP); those that found nothing to
change go first.

Examples:
  fabricctl history                 the last runs
  fabricctl history -n 5 -o json    for programs
  fabricctl history show 3fa9       what run 20261122T084655-3fa9 did";

pub(super) const HISTORY_SHOW: &str = "\
Examples:
  fabricctl history show 20261122T08
  fabricctl history show 3fa9 -o json";

pub(super) const ROLLBACK: &str = "\
Exits with 0 when all devices are as they were, 1 when one doesn't remember the run, 4 when one can't be reached, 5 when
the rollback failed and was itself undone.

Examples:
  fabricctl rollback --dry-run          what undoing the last run would change
  fabricctl rollback                    undo it, after asking; once more, and it is done again
  fabricctl rollback 3fa9               back to before run 20261122T084655-3fa9, later runs undone too
  fabricctl rollback 3fa9 -l leaf03     on one device alone";

pub(super) const VERIFY: &str = "\
Checks:
  services      FRR and its daemons, rdnbrd, Docker and ssh run and start with their device
  time          the clocks of all devices agree with this machine's
  links         ports have carrier, their MTU and addresses, and the right cable; routers forward
  bgp           sessions are up, with the right neighbours, address families and numbers of prefixes
  workloads     containers run with their address, image and labels, and are known to their leaf
  neighbors     rdnbrd, the kernel's neighbour table and the kernel's routes agree on every leaf
  routes        every spine and leaf has every container's /32 and every loopback, by the right next hops
  reachability  every container reaches every other by ICMP at full size and by TCP, under its own address
and, asked for alone, since it is held against what each device remembers and not against the inventory:
  drift         files, FRR's running configuration, interfaces, settings, services and containers are what the last
                run put there; a device that was never deployed to is no difference

Exits with 0 when all is as expected, 1 when not, 4 when a device can't be reached.

Examples:
  fabricctl verify --lab                            everything
  fabricctl verify routes --lab --wait 30s          ask until it is true
  fabricctl verify links bgp -l leaf01              two checks of one node
  fabricctl verify --skip time --for 5m             it must stay true for five minutes
  fabricctl verify drift --lab                      what was changed by hand, with the differences
  fabricctl verify -o junit                         for CI systems; also markdown, tap and json";

pub(super) const DIAGNOSE: &str = "\
Marks: ✔ as it should be, ✖ not, ? not known. The first hop that is not as it should be is the verdict; a device before
it that can't be reached comes first.

Exits with 0 when nothing is wrong, 1 when something is, 2 when there is no such container or node, 4 when a device
can't be reached.

Examples:
  fabricctl diagnose web11 --lab        the way of a container, hop by hop
  fabricctl diagnose 172.16.1.99        who has an address, and by which way
  fabricctl diagnose leaf01             a node: services, ports, sessions, routes
  fabricctl diagnose                    why do checks fail?
  fabricctl diagnose web11 -o json      for programs; diagnose --schema describes it";

pub(super) const STATUS: &str = "\
Exits with 0 when all is as desired, 1 when not, 4 when a device can't be reached. Runs that are open or were interrupted
are shown and don't count.

Examples:
  fabricctl status --lab                what is up, what isn't, and who changed something last
  fabricctl status -l leafs             some of it
  fabricctl status -o json              for programs; status --schema describes it
  fabricctl status neighbors --lab      the hosts behind every leaf's ports";

pub(super) const STATUS_NEIGHBORS: &str = "\
Hosts carry their names in the inventory; one that it doesn't know is unknown. Exits with 0 when every leaf answered,
whatever it said; 1 when its daemon didn't answer, 4 when a leaf can't be reached.

Examples:
  fabricctl status neighbors --lab        every host on every leaf, and the workloads that are missing
  fabricctl status neighbors -l leaf01    one leaf
  fabricctl status neighbors -o json      for programs, with everything that the daemons count";

pub(super) const WATCH: &str = "\
Keys: arrows or hjkl move, Tab goes to the next part, Enter looks into a node or container, Esc goes back, ? explains the
signs, q quits.

Exits with 0 when it is quit, 130 when it is interrupted.

Examples:
  fabricctl watch --lab                      the full screen
  fabricctl watch -l 'spines,leaf01'         a part of the fabric
  fabricctl watch --plain >>fabric.log       what changes, one line an event
  fabricctl watch -o json --interval 5s      JSON Lines, for programs";

pub(super) const GRAPH: &str = "\
Examples:
  fabricctl inventory graph --out fabric.svg         light or dark, as the reader likes it
  fabricctl inventory graph -o html --out fabric.html
  fabricctl inventory graph -l 'spine,leaf0[12]'     a part of it
  fabricctl inventory graph -o mermaid               for a document in Markdown
  fabricctl inventory graph -o dot | dot -Tpdf       laid out by Graphviz";

pub(super) const REPORT: &str = "\
Examples:
  fabricctl report --lab --out report.html
  fabricctl report --wait 30s --out report.html
  fabricctl report -o json                         what the page says, for programs";

pub(super) const EXEC: &str = "\
Examples:
  fabricctl exec -l leafs -- vtysh -c 'show bgp summary'
  fabricctl exec --lab -- uname -r                 those that differ stand out
  fabricctl exec -l server -- 'docker ps | wc -l'
  fabricctl exec -o json -- cat /etc/hostname      for programs";

pub(super) const SSH: &str = "\
Examples:
  fabricctl ssh leaf01
  fabricctl ssh leaf01 --lab -- vtysh -c 'show ip route'
  fabricctl ssh leaf01 -- 'ip route | grep 172.16'";

pub(super) const SHELL: &str = "\
Examples:
  fabricctl shell web11 --lab
  fabricctl shell web11 -- ping -c 3 172.16.1.41";

pub(super) const LAB: &str = "\
Examples:
  sudo fabricctl lab up                              the fabric of the inventory
  sudo fabricctl lab up --name two --suite trixie    another one beside it
  fabricctl lab ssh spine01 vtysh -c 'show ip route'
  sudo fabricctl lab restart leaf01                  as a loss of power does
  sudo fabricctl lab fault leaf01 management-cut     until the same with --undo
  sudo fabricctl lab down";

pub(super) const COMPLETIONS: &str = "\
Examples:
  fabricctl completions bash >/etc/bash_completion.d/fabricctl
  fabricctl completions zsh >\"${fpath[1]}/_fabricctl\"
  fabricctl completions fish >~/.config/fish/completions/fabricctl.fish";

pub(super) const MAN: &str = "\
Examples:
  fabricctl man | man -l -
  fabricctl man deploy >/usr/local/share/man/man1/fabricctl-deploy.1";
