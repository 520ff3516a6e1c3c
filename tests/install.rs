//! `install` and `uninstall`, on a host of their own.

use rusqlite::Connection;

use crate::world::World;

/// Everything that is kept, with time and contents, but for what was told to systemctl.
const TREE: &str = r"
tree() {
    find /etc /usr/local /var/lib /var/log /run -newer /run/begun -printf '%p %M %s %T@ %l\n' 2>/dev/null | grep -Ev '^/run(/netns.*)? |systemctl.log' | sort
    iptables-save -t filter | grep -v '^#'; ip6tables-save -t filter | grep -v '^#'
}
touch -d '1 minute ago' /run/begun
";

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_services_that_are_not_offered_are_named() {
    let told = World::new().run(
        "mkdir -p /var/log/asterisk && touch /var/log/asterisk/messages
        $PYFILTER install --dry-run | grep 'Also here'
        $PYFILTER install | grep 'Also here'
        pyfilter check | grep 'also here'
        pyfilter init -c $SCRATCH/c.json | grep 'Also here'",
    );
    assert_eq!(told.lines().count(), 4, "{told}");
    for line in told.lines() {
        let (why, names) = line.split_once(": ").unwrap();
        let said = "here, not offered because anybody can forge their logs or senders";
        assert!(why.ends_with(said), "{told}");
        assert!(names.contains("asterisk"), "{told}");
        assert!(
            names.contains("; `pyfilter rules NAME` says what to do"),
            "{told}"
        );
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_install_puts_all_in_place_and_a_second_one_nothing() {
    let told = World::new().run(&format!(
        r"{TREE}
        $PYFILTER install --dry-run
        echo == first
        $PYFILTER install
        cmp $PYFILTER /usr/local/bin/pyfilter
        cat /run/systemctl.log
        tree > $SCRATCH/one
        echo == second
        /usr/local/bin/pyfilter install
        tree > $SCRATCH/two
        diff $SCRATCH/one $SCRATCH/two
        stat -c '%a %n' /etc/pyfilter/config.json /var/lib/pyfilter /etc/systemd/system/pyfilter.service
        grep ^ExecStart /etc/systemd/system/pyfilter.service"
    ));
    let (dry, told) = told.split_once("== first\n").unwrap();
    let (first, second) = told.split_once("== second\n").unwrap();
    let (steps, first_run) = dry.split_once("The first run would ban:\n").unwrap();
    assert!(first_run.starts_with("nobody\n"), "{dry}");
    let would: Vec<&str> = (steps.lines())
        .map(|line| line.strip_prefix("Would ").unwrap())
        .collect();
    assert_eq!(would.len(), 7, "{dry}");
    assert!(would[0].ends_with(" to /usr/local/bin/pyfilter"), "{dry}");
    for line in [
        "Wrote /etc/pyfilter/config.json with rules for ssh\n",
        "Wrote /etc/systemd/system/pyfilter.service\n",
        "Wrote /etc/systemd/system/pyfilter.timer\n",
        "\nWhat was logged before bans nobody (settings.first_contact): `sudo pyfilter audit` shows it, `sudo pyfilter scan FILE` takes it\n",
        "\nTimer created and enabled, check the status of it by using \"sudo systemctl status pyfilter.timer\"\n",
        "\ndaemon-reload\nenable pyfilter.timer pyfilter-restore.service\nrestart pyfilter.timer\n",
    ] {
        assert!(first.contains(line), "{line}\n{first}");
    }
    assert!(!first.contains("Found IP"), "{first}");
    assert_eq!(
        second,
        "Timer already created.\n\
         Check the status of it by using \"sudo systemctl status pyfilter.timer\"\n\
         600 /etc/pyfilter/config.json\n700 /var/lib/pyfilter\n\
         644 /etc/systemd/system/pyfilter.service\n\
         ExecStart=/usr/local/bin/pyfilter scan\n"
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_dry_run_of_install_and_uninstall_changes_nothing() {
    let told = World::new().run(&format!(
        r"{TREE}
        cd /
        tree > $SCRATCH/before
        $PYFILTER install --dry-run
        $PYFILTER install --dry-run --cron
        tree > $SCRATCH/after
        diff $SCRATCH/before $SCRATCH/after
        $PYFILTER install
        tree > $SCRATCH/before
        $PYFILTER uninstall --dry-run --purge
        tree > $SCRATCH/after
        diff $SCRATCH/before $SCRATCH/after"
    ));
    for line in [
        "Would write /etc/cron.d/pyfilter\n",
        "Would remove the chain PYFILTER from the firewall\n",
        "Would remove /var/lib/pyfilter and all in it\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_day_of_runs_with_nothing_new_leaves_no_growth() {
    let told = World::new().run(
        r"$PYFILTER install -q
        $PYFILTER scan -q /var/log/auth.log
        scan() { for _ in $(seq $1); do /usr/local/bin/pyfilter scan; done; }
        sizes() { find /var/lib/pyfilter /var/log/pyfilter -printf '%p %s\n' 2>/dev/null | sort; }
        scan 3
        sizes > /run/before
        scan 1440
        sizes | diff /run/before -
        grep PyFilter.db /run/before
        iptables-save | grep -c 'PYFILTER -s 203.0.113.13/32 -j DROP'",
    );
    assert!(told.contains("/var/lib/pyfilter/PyFilter.db "), "{told}");
    assert!(told.ends_with("\n1\n"), "the chain is in force: {told}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_uninstall_keeps_what_is_the_administrators() {
    let told = World::new().run(
        r"iptables -A INPUT -s 192.0.2.1 -j DROP
        iptables-save -t filter | grep -v '^#' > /run/firewall
        $PYFILTER install -q
        $PYFILTER scan -q /var/log/auth.log
        iptables-save | grep -q PYFILTER
        echo keep > /etc/pyfilter/ca.pem
        echo == first
        /usr/local/bin/pyfilter uninstall
        iptables-save -t filter | grep -v '^#' | diff /run/firewall -
        ! ip6tables-save | grep PYFILTER
        ! ls /etc/systemd/system/pyfilter* /etc/systemd/system/timers.target.wants/pyfilter.timer /usr/local/bin/pyfilter 2>/dev/null
        test -s /var/lib/pyfilter/PyFilter.db -a -s /etc/pyfilter/config.json
        $PYFILTER list | grep -c 203.0.113.13
        echo == second
        $PYFILTER uninstall
        echo == again
        $PYFILTER install -q
        iptables-save | grep -c 'PYFILTER -s 203.0.113.13/32 -j DROP'
        echo == purge
        /usr/local/bin/pyfilter uninstall --purge
        find /etc /usr/local /var/lib /var/log /var/spool -iname '*pyfilter*'
        cat /etc/pyfilter/ca.pem
        $PYFILTER uninstall --purge",
    );
    let (_, told) = told.split_once("== first\n").unwrap();
    let (first, told) = told.split_once("== second\n").unwrap();
    assert!(
        first.starts_with(
            "Stopped pyfilter.timer for good\nRemoved the chain PYFILTER from the firewall\n"
        ),
        "{first}"
    );
    assert!(
        first.ends_with("Removed /usr/local/bin/pyfilter\n1\n"),
        "{first}"
    );
    let (second, told) = told.split_once("== again\n").unwrap();
    assert_eq!(second, "Nothing is installed\n");
    let (again, purged) = told.split_once("== purge\n").unwrap();
    assert_eq!(again, "1\n", "the bans are back");
    assert!(
        purged.ends_with(
            "Removed /etc/pyfilter/config.json\n/etc/pyfilter\nkeep\nNothing is installed\n"
        ),
        "{purged}"
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_uninstall_says_which_table_of_nftables_it_removed() {
    let told = World::new().run(
        r#"$PYFILTER install -q
        sed -i 's/"backend": "auto"/"backend": "nftables"/' /etc/pyfilter/config.json
        /usr/local/bin/pyfilter scan -q
        nft add table inet others
        nft list tables
        /usr/local/bin/pyfilter uninstall
        nft list tables"#,
    );
    assert!(
        told.contains("table inet pyfilter\ntable inet others\n"),
        "{told}"
    );
    let removed = "\nRemoved the table inet pyfilter from the firewall\n";
    assert!(told.contains(removed), "{told}");
    assert!(!told.contains("the chain PYFILTER"), "{told}");
    let (_, after) = told.split_once(removed).unwrap();
    assert!(!after.contains("table inet pyfilter"), "{told}");
    assert!(after.ends_with("\ntable inet others\n"), "{told}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_uninstall_takes_ours_out_of_both_variants_of_iptables() {
    let told = World::new().run(
        r#"$PYFILTER install -q
        for program in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
            $program -N PYFILTER 2>/dev/null || true
            $program -C INPUT -j PYFILTER 2>/dev/null || $program -I INPUT -j PYFILTER
            $program -A PYFILTER -j ACCEPT
        done
        /usr/local/bin/pyfilter uninstall
        for program in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
            echo "$program: $($program-save | grep -c PYFILTER || true)"
        done"#,
    );
    assert!(told.contains("Removed the chain PYFILTER"), "{told}");
    for program in [
        "iptables-nft",
        "iptables-legacy",
        "ip6tables-nft",
        "ip6tables-legacy",
    ] {
        assert!(
            told.contains(&format!("\n{program}: 0\n")),
            "{program}: {told}"
        );
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_cron_takes_the_timers_place_and_the_other_way_round() {
    let told = World::new().run(
        r"rm -r /run/systemd/system
        status 1 $PYFILTER install
        ! ls /usr/local/bin/pyfilter /etc/pyfilter 2>/dev/null
        $PYFILTER install --cron
        $PYFILTER install --cron
        grep -x '\* \* \* \* \* root nice -n 10 /usr/local/bin/pyfilter scan' /etc/cron.d/pyfilter
        stat -c %a /etc/cron.d/pyfilter
        mkdir -p /run/systemd/system
        echo == timer
        $PYFILTER install
        ! test -e /etc/cron.d/pyfilter
        echo == cron
        $PYFILTER install --cron
        ! ls /etc/systemd/system/pyfilter* /etc/systemd/system/timers.target.wants/pyfilter.timer 2>/dev/null
        $PYFILTER uninstall
        ! test -e /etc/cron.d/pyfilter
        mv /etc/cron.d /etc/cron.gone
        status 1 $PYFILTER install --cron",
    );
    for line in [
        "pyfilter: systemd does not run here (a container?): `pyfilter install --cron` makes a cron entry instead; nothing was done\n",
        "Cron entry created, check the status of it by using \"sudo pyfilter list\"\n\
         Cron entry already created.\nCheck the status of it by using \"sudo pyfilter list\"\n\
         * * * * * root nice -n 10 /usr/local/bin/pyfilter scan\n644\n",
        "== timer\nWrote /etc/systemd/system/pyfilter.service\nWrote /etc/systemd/system/pyfilter-restore.service\nWrote /etc/systemd/system/pyfilter.timer\nRemoved /etc/cron.d/pyfilter\n",
        "== cron\nStopped pyfilter.timer for good\n",
        "pyfilter: there is no /etc/cron.d: install cron, or have something else call `pyfilter scan` every minute; nothing was done\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

/// A PyFilter as its tutorial leaves it: 203.0.113.14 was un-banned by editing.
fn old_pyfilter(world: &World, config: &str) -> String {
    let database = world.dir().join("old.db");
    let connection = Connection::open(&database).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE banned_ip (id INTEGER PRIMARY KEY, ip text, time_banned integer, server_name text, log_msg text, country text);
             INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) VALUES
               ('198.51.100.13', 1521728338.5, 'Server-1', 'IP: 198.51.100.13 has been blacklisted', 'China'),
               ('198.51.100.14', 1521728339.5, 'Server-1', 'IP: 198.51.100.14 has been blacklisted', '');",
        )
        .unwrap();
    format!(
        "mkdir -p /usr/local/PyFilter/Config
        cp {} /usr/local/PyFilter/PyFilter.db
        cat > /usr/local/PyFilter/Config/config.json <<'END'\n{config}\nEND
        cat > /usr/local/PyFilter/Config/blacklist.v4 <<'END'
# Generated by iptables-save v1.6.0 on Thu Mar 22 19:53:04 2018
*filter
:INPUT ACCEPT [217:30580]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [249:30796]
-A INPUT -s 198.51.100.13/32 -j DROP
-A INPUT -s 198.51.100.99/32 -j DROP
COMMIT
# Completed on Thu Mar 22 19:53:04 2018
END
",
        database.display()
    )
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_pyfilter_is_taken_over_and_left_as_it_is() {
    let world = World::new();
    let config = include_str!("../fixtures/config/pyfilter-default.json");
    let old = old_pyfilter(&world, config);
    let told = world.run(&format!(
        "{old}
        touch /etc/systemd/system/PyFilter.service
        (cd /usr/local/PyFilter && find . -type f | sort | xargs sha256sum) > /run/before
        bash -c 'exec -a /usr/local/PyFilter/run.sh sleep 60' & pid=$!
        sleep 0.2
        $PYFILTER install
        kill $pid
        (cd /usr/local/PyFilter && find . -type f | sort | xargs sha256sum) | diff /run/before -
        cmp /usr/local/PyFilter/Config/config.json /etc/pyfilter/config.json
        echo == list
        $PYFILTER list
        ls /var/lib/pyfilter/
        echo == second
        $PYFILTER install"
    ));
    for line in [
        "Took over PyFilter's configuration /usr/local/PyFilter/Config/config.json as /etc/pyfilter/config.json\n",
        "Took over PyFilter's blacklist /usr/local/PyFilter/Config/blacklist.v4 to /var/lib/pyfilter/blacklist.v4\n\
         Took over PyFilter's database /usr/local/PyFilter/PyFilter.db to /var/lib/pyfilter/PyFilter.db\n",
        "took over PyFilter's database: 1 ban, 1 more in the history",
        "`sudo pyfilter check` says which to delete",
        "PyFilter's own service is still there and runs (process ",
        "stop it with `sudo systemctl disable --now PyFilter`, and remove /etc/systemd/system/PyFilter.service\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let (_, list) = told.split_once("== list\n").unwrap();
    let (list, second) = list.split_once("== second\n").unwrap();
    for (address, banned) in [
        ("198.51.100.13", true),
        ("198.51.100.99", true),
        ("198.51.100.14", false),
    ] {
        assert_eq!(list.contains(address), banned, "{address}\n{list}");
    }
    assert!(second.starts_with("Timer already created.\n"), "{second}");
    assert!(!second.contains("Took over"), "{second}");
}

/// A package as dpkg knows it, with the files alone, in a layer over /usr/bin.
const PACKAGE: &str = r#"
systemctl=$(cat /usr/bin/systemctl)
mkdir -p $SCRATCH/bin && mount -t tmpfs tmpfs $SCRATCH/bin && mkdir $SCRATCH/bin/u $SCRATCH/bin/w
mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=$SCRATCH/bin/u,workdir=$SCRATCH/bin/w /usr/bin
rm /usr/bin/systemctl && echo "$systemctl" > /usr/bin/systemctl && chmod 755 /usr/bin/systemctl
mkdir -p $SCRATCH/package/DEBIAN $SCRATCH/package/usr/bin $SCRATCH/package/etc/pyfilter
cp $PYFILTER $SCRATCH/package/usr/bin/pyfilter
cp $SHIPPED $SCRATCH/package/etc/pyfilter/config.json
echo /etc/pyfilter/config.json > $SCRATCH/package/DEBIAN/conffiles
printf 'Package: pyfilter\nVersion: 3.0.0-1\nArchitecture: all\nMaintainer: nobody\nDescription: files\n' > $SCRATCH/package/DEBIAN/control
dpkg-deb -Znone --build $SCRATCH/package $SCRATCH/pyfilter.deb > /dev/null
dpkg -i $SCRATCH/pyfilter.deb > /dev/null
"#;

fn package() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("SHIPPED={root}/timers/debian/config.json\n{PACKAGE}")
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_pyfilter_is_taken_over_by_the_package_while_its_configuration_is_nobodys() {
    let world = World::new();
    let old = old_pyfilter(
        &world,
        include_str!("../fixtures/config/pyfilter-default.json"),
    );
    let package = package();
    let told = world.run(&format!(
        "{package}
        status 1 $PYFILTER install
        {old}
        pyfilter install
        cmp /usr/local/PyFilter/Config/config.json /etc/pyfilter/config.json
        ! ls /usr/local/bin/pyfilter /etc/systemd/system/pyfilter.service 2>/dev/null
        echo == list
        pyfilter list
        echo == second
        pyfilter install
        echo == young
        cp $SHIPPED /etc/pyfilter/config.json
        pyfilter install
        mv /var/lib/pyfilter /var/lib/pyfilter.before
        pyfilter install
        echo == chosen
        sed 's/\"failed_attempts\": 5/\"failed_attempts\": 6/' $SHIPPED > /etc/pyfilter/config.json
        ! cmp -s $SHIPPED /etc/pyfilter/config.json
        pyfilter install
        grep -c '\"failed_attempts\": 6' /etc/pyfilter/config.json
        pyfilter uninstall"
    ));
    let parts: Vec<&str> = told.split("== ").collect();
    let [first, list, second, young, chosen] = parts[..] else {
        panic!("{told}")
    };
    let configuration = "Took over PyFilter's configuration /usr/local/PyFilter/Config/config.json as /etc/pyfilter/config.json\n";
    let database = "Took over PyFilter's database /usr/local/PyFilter/PyFilter.db to /var/lib/pyfilter/PyFilter.db\n";
    assert!(
        first.starts_with(
            "pyfilter: the package pyfilter is installed: use `sudo /usr/bin/pyfilter install`"
        ),
        "{first}"
    );
    assert!(first.contains(configuration), "{first}");
    assert!(first.contains(database), "{first}");
    assert!(list.contains("198.51.100.13"), "{list}");
    assert!(second.contains("Timer already created.\n"), "{second}");
    assert!(!second.contains("Took over"), "{second}");
    assert!(young.contains(configuration), "{young}");
    assert!(
        young.contains("PyFilter's database /usr/local/PyFilter/PyFilter.db is left, for /var/lib/pyfilter/PyFilter.db is there: to have its bans, `sudo mv /var/lib/pyfilter /var/lib/pyfilter.before`, and install again\n"),
        "{young}"
    );
    assert!(young.contains(database), "moved away: {young}");
    assert!(!chosen.contains("Took over"), "{chosen}");
    assert!(chosen.contains("\n1\n"), "{chosen}");
    assert!(
        chosen.contains("The package is still there: `sudo apt remove pyfilter` removes it"),
        "{chosen}"
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_old_configuration_is_fitted_or_its_faults_are_told() {
    let world = World::new();
    let config = r#"{"sqlite": {"database": "/usr/local/PyFilter/PyFilter.db"}, "settings": {"deny_type": "REJECT"}}"#;
    let old = old_pyfilter(&world, config);
    let told = world.run(&format!(
        "{old}
        $PYFILTER install
        $PYFILTER list
        cat /etc/pyfilter/config.json"
    ));
    for line in [
        "config.json, with sqlite.database for here\n",
        "198.51.100.13 ",
        "\"database\": \"PyFilter.db\"",
        "\"deny_type\": \"REJECT\"",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }

    let world = World::new();
    let wrong = old_pyfilter(&world, r#"{"settings": {"deny_type": "DENY"}}"#);
    let told = world.run(&format!(
        "{wrong}
        status 2 $PYFILTER install
        ! ls /usr/local/bin/pyfilter /etc/pyfilter /var/lib/pyfilter 2>/dev/null"
    ));
    assert!(
        told.starts_with("/usr/local/PyFilter/Config/config.json:1:28: settings.deny_type: must be DROP or REJECT"),
        "{told}"
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_can_not_be_installed_is_told_and_nothing_is_done() {
    let told = World::new().run(
        r"nothing() { ! ls /usr/local/bin/pyfilter /etc/pyfilter /var/lib/pyfilter /etc/systemd/system/pyfilter.timer 2>/dev/null; }
        cp $PYFILTER /run/pyfilter && chmod 755 /run/pyfilter
        status 1 setpriv --reuid=65534 --regid=65534 --clear-groups /run/pyfilter install
        status 1 setpriv --reuid=65534 --regid=65534 --clear-groups /run/pyfilter uninstall
        setpriv --reuid=65534 --regid=65534 --clear-groups /run/pyfilter install --dry-run >/dev/null
        nothing
        status 2 $PYFILTER install -c /etc/other.json
        status 2 $PYFILTER uninstall --purge --state-dir /
        nothing
        status 1 setpriv --bounding-set=-net_admin --inh-caps=-net_admin $PYFILTER install
        nothing
        mount -o remount,bind,ro /etc
        status 1 $PYFILTER install
        nothing
        mount -o remount,bind,rw /etc
        $PYFILTER install --dry-run > /dev/null",
    );
    for line in [
        "pyfilter: install needs root: run with sudo; nothing was done\n",
        "pyfilter: uninstall needs root: run with sudo; nothing was done\n",
        "pyfilter: install is about /etc/pyfilter/config.json and /var/lib/pyfilter: it takes neither -c, --conf-d nor --state-dir; nothing was done\n",
        "pyfilter: uninstall is about /etc/pyfilter/config.json",
        "; nothing was done\npyfilter: /etc can not be written: Read-only file system (os error 30); is the file system mounted read-only? `mount -o remount,rw` makes it writable; nothing was done\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_iptables_install_says_what_to_install() {
    let told = World::new().run(
        r#"mkdir -p /etc/pyfilter
        echo '{"settings": {"firewall": {"programs": "/nonexistent"}}}' > /etc/pyfilter/config.json
        status 1 $PYFILTER install
        ! test -e /usr/local/bin/pyfilter
        echo '{"settings": {"firewall": {"backend": "none"}}}' > /etc/pyfilter/config.json
        $PYFILTER install -q
        ! iptables-save | grep PYFILTER
        $PYFILTER uninstall"#,
    );
    assert!(told.contains("apt install iptables"), "{told}");
    assert!(told.contains("; nothing was done\n"), "{told}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_installation_that_failed_is_gone_on_with() {
    let told = World::new().run(
        r"touch /run/systemctl-fails
        status 1 $PYFILTER install
        echo == again
        rm /run/systemctl-fails
        /usr/local/bin/pyfilter install
        test -L /etc/systemd/system/timers.target.wants/pyfilter.timer -a -L /etc/systemd/system/sysinit.target.wants/pyfilter-restore.service -a -e /run/pyfilter.timer-runs
        echo == mended
        echo '# mine' >> /etc/systemd/system/pyfilter.timer
        rm /run/pyfilter.timer-runs
        $PYFILTER install
        cat /run/systemctl.log | tail -3
        touch /run/systemctl-fails
        status 1 $PYFILTER uninstall
        rm /run/systemctl-fails
        $PYFILTER uninstall",
    );
    let (first, told) = told.split_once("== again\n").unwrap();
    assert!(
        first.ends_with("pyfilter: `systemctl daemon-reload` failed: Failed to connect to bus; what was done before stays: `pyfilter install` goes on from here\n"),
        "{first}"
    );
    let (again, mended) = told.split_once("== mended\n").unwrap();
    assert!(
        again.contains("What was logged before bans nobody"),
        "the first run comes now\n{again}"
    );
    assert!(again.contains("Timer created and enabled"), "{again}");
    assert!(
        mended.starts_with("Wrote /etc/systemd/system/pyfilter.timer\n"),
        "{mended}"
    );
    assert!(
        mended.contains("\ndaemon-reload\nenable pyfilter.timer pyfilter-restore.service\nrestart pyfilter.timer\n"),
        "{mended}"
    );
    assert!(
        mended
            .contains("`pyfilter uninstall` goes on from here\nStopped pyfilter.timer for good\n"),
        "{mended}"
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_legacy_iptables_gets_what_it_needs() {
    let told = World::new().run(
        r#"mkdir -p /etc/pyfilter
        for variant in nft legacy; do
            mkdir $SCRATCH/$variant
            for name in iptables-save iptables-restore ip6tables-save ip6tables-restore; do
                ln -s /usr/sbin/xtables-$variant-multi $SCRATCH/$variant/$name
            done
        done
        config() { echo '{"settings": {"firewall": {"programs": "'$SCRATCH/$1'"}}}' > /etc/pyfilter/config.json; }
        config legacy
        $PYFILTER install
        stat -c %n /etc/systemd/system/pyfilter.service.d/legacy.conf
        $PYFILTER install
        echo == nft
        config nft
        $PYFILTER install
        ! test -e /etc/systemd/system/pyfilter.service.d"#,
    );
    let dropin = "/etc/systemd/system/pyfilter.service.d/legacy.conf\n";
    let (before, after) = told.split_once("== nft\n").unwrap();
    assert!(before.contains(&format!("Wrote {dropin}")), "{told}");
    assert!(before.contains("Timer already created.\n"), "{told}");
    assert!(after.starts_with(&format!("Removed {dropin}")), "{told}");
}

/// A logind that knows two sessions, one of them from an address that failed 30 times.
const LOGIND: &str = r"
cat > $SCRATCH/loginctl <<'END'
#!/bin/sh
case $1 in
list-sessions) printf '12 0 root - pts/0 active no -\n15 1000 ann - pts/1 active no -\n' ;;
show-session) printf 'Name=root\nRemote=yes\nRemoteHost=203.0.113.13\nState=active\n\nName=ann\nRemote=yes\nRemoteHost=2001:db8:0:7::5\nState=online\n' ;;
esac
END
chmod 755 $SCRATCH/loginctl
mount --bind $SCRATCH/loginctl /usr/bin/loginctl
";

/// Installing cut the session from which it was done, for ever.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_who_is_logged_in_at_the_installation_is_never_banned() {
    let told = World::new().run(&format!(
        r"{LOGIND}
        export SSH_CONNECTION='198.51.100.7 4242 192.0.2.1 22'
        $PYFILTER install --dry-run --no-allow-me
        echo == dry
        $PYFILTER install --dry-run
        ! test -e /etc/pyfilter
        echo == first
        $PYFILTER install
        stat -c '%a %u' /etc/pyfilter/conf.d /etc/pyfilter/conf.d/allowed-at-install.json
        cat /etc/pyfilter/conf.d/allowed-at-install.json
        $PYFILTER scan /var/log/auth.log
        status 2 $PYFILTER ban 203.0.113.13
        $PYFILTER explain 2001:db8:0:7::99
        echo == second
        rm /etc/pyfilter/conf.d/allowed-at-install.json
        /usr/local/bin/pyfilter install
        ! test -e /etc/pyfilter/conf.d/allowed-at-install.json
        $PYFILTER uninstall -q --purge
        ! test -e /etc/pyfilter"
    ));
    let (without, told) = told.split_once("== dry\n").unwrap();
    assert!(!without.contains("allowed-at-install"), "{without}");
    let (dry, told) = told.split_once("== first\n").unwrap();
    let allowed = "/etc/pyfilter/conf.d/allowed-at-install.json (where people are logged in from is never banned: 198.51.100.7 (you); 203.0.113.13 (root); 2001:db8:0:7::/64 (ann))\n";
    assert!(dry.contains(&format!("Would write {allowed}")), "{dry}");
    let (first, second) = told.split_once("== second\n").unwrap();
    assert!(first.contains(&format!("Wrote {allowed}")), "{first}");
    assert!(first.contains("\n755 0\n600 0\n"), "{first}");
    assert!(
        first.contains("203.0.113.13: root; 2001:db8:0:7::/64: ann"),
        "{first}"
    );
    assert!(!first.contains("Found IP: 203.0.113.13"), "{first}");
    assert!(
        first.contains("203.0.113.13 is in ignored_ips, so it is never banned"),
        "{first}"
    );
    let privacy = "2001:db8:0:7::99 is in ignored_ips (2001:db8:0:7::/64, /etc/pyfilter/conf.d/allowed-at-install.json), so it is never banned.\n";
    assert!(first.contains(privacy), "{first}");
    assert!(second.starts_with("Timer already created."), "{second}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_ban_that_cuts_somebody_off_says_so() {
    let told = World::new().run(&format!(
        r#"{LOGIND}
        mkdir -p /etc/pyfilter
        echo '{{"settings": {{"rules": {{"ssh": {{"log_files": "/var/log/auth.log"}}}}}}}}' > /etc/pyfilter/config.json
        $PYFILTER scan
        cat /var/lib/pyfilter/Logs/*/*/*
        $PYFILTER explain 203.0.113.13 | head -n 2
        $PYFILTER check || true"#
    ));
    let cut = "From there root is logged in on this host, and is cut off by it.";
    let line = format!("Found IP: 203.0.113.13 from server: {}. {cut}\n", host());
    assert_eq!(told.matches(&line).count(), 2, "{told}");
    let explained = format!("203.0.113.13 is banned.\n{cut}\n");
    assert!(told.contains(&explained), "{told}");
    assert!(
        told.contains("203.0.113.13 is banned, and root is logged in from there: `sudo pyfilter unban 203.0.113.13` lets it in again"),
        "{told}"
    );
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim().to_owned()
}
