# Stands for Vivado in tclsh: knows the commands of block_design.tcl by their signatures (Xilinx UG835), refuses any other use,
# and appends each call to $VIVADO_CALLS, words separated by the unit separator. Its answers just let the script go on.
# Started as Vivado is: -mode batch -nojournal -log FILE -source SCRIPT -tclargs ARGUMENTS.

# command {flags} {options with a value} {least and most positional arguments}
set signatures {
    create_project       {-force -in_memory -quiet}       {-part -ip}                              {0 2}
    add_files            {-norecurse -scan_for_includes}  {-fileset}                               {1 999}
    update_compile_order {-quiet}                         {-fileset}                               {0 0}
    create_bd_design     {-quiet}                         {-dir}                                   {1 1}
    create_bd_cell       {-quiet}                         {-type -vlnv -reference}                 {1 1}
    apply_bd_automation  {-quiet -dict}                   {-rule -config}                          {1 999}
    set_property         {-quiet -dict}                   {}                                       {2 3}
    get_property         {-quiet -min -max}               {}                                       {2 2}
    get_bd_cells         {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    get_bd_pins          {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    get_bd_intf_pins     {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    get_bd_addr_spaces   {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    get_bd_addr_segs     {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    connect_bd_net       {-quiet}                         {-net}                                   {1 999}
    connect_bd_intf_net  {-quiet -auto_internal}          {-intf_net}                              {2 2}
    assign_bd_address    {-force -quiet}                  {-offset -range -target_address_space}   {0 999}
    validate_bd_design   {-force -quiet}                  {-design}                                {0 0}
    save_bd_design       {-quiet}                         {}                                       {0 1}
    make_wrapper         {-top -import -force -testbench} {-files -fileset}                        {0 1}
    get_files            {-quiet -all}                    {-filter -of_objects}                    {0 999}
    current_fileset      {-quiet -constrset -simset}      {}                                       {0 1}
    launch_runs          {-force -quiet}                  {-jobs -to_step -scripts_only -dir}      {1 999}
    wait_on_runs         {-quiet}                         {-timeout}                               {1 999}
    get_runs             {-quiet}                         {-filter}                                {0 999}
    open_run             {-quiet}                         {-name}                                  {1 1}
    report_timing_summary {-quiet -no_header}             {-file -delay_type -max_paths}           {0 0}
    report_utilization   {-quiet -hierarchical}           {-file -hierarchical_depth}              {0 0}
    report_power         {-quiet -advisory}               {-file -format}                          {0 0}
    get_timing_paths     {-quiet -unique_pins}            {-delay_type -max_paths -nworst}         {0 0}
    get_cells            {-hierarchical -quiet}           {-filter -of_objects}                    {0 999}
    ipx::package_project {-generated_files -import_files -force} {-root_dir -vendor -library -taxonomy -module} {0 1}
    ipx::current_core    {-quiet}                         {}                                       {0 1}
    ipx::update_checksums {-quiet}                        {}                                       {1 1}
    ipx::check_integrity {-quiet}                         {}                                       {0 1}
    ipx::save_core       {-quiet}                         {}                                       {0 1}
    version              {-short -quiet}                  {}                                       {0 0}
}

namespace eval ipx {}

proc check_and_record {name words} {
    lassign [dict get $::commands $name] flags valued range
    set positional 0
    for {set i 0} {$i < [llength $words]} {incr i} {
        set word [lindex $words $i]
        if {$word in $flags} { continue }
        if {$word in $valued} {
            incr i
            if {$i >= [llength $words]} { error "$name: $word needs a value" }
            continue
        }
        if {[regexp {^-[a-z]} $word]} { error "$name: unknown option '$word'" }
        incr positional
    }
    if {$positional < [lindex $range 0] || $positional > [lindex $range 1]} {
        error "$name: $positional positional arguments, not $range"
    }
    set handle [open $::env(VIVADO_CALLS) a]
    puts $handle [join [list $name {*}$words] \x1f]
    close $handle
}

set commands {}
foreach {name flags valued range} $signatures {
    dict set commands $name [list $flags $valued $range]
    proc $name args "check_and_record $name \$args; return \[answer $name \$args\]"
}

proc answer {name words} {
    switch -glob $name {
        version { return "0.0-stand-in" }
        create_project { set ::project [lindex [lsearch -all -inline -not $words -*] 1]; return shell }
        get_property { return [property {*}$words] }
        get_timing_paths { return [lindex $words 1] }
        get_cells { return {a b c} }
        report_* { write_file [lindex $words [expr {[lsearch $words -file] + 1}]] "stand-in\n" }
        launch_runs { if {"write_bitstream" in $words} make_results }
        get_* { return [lindex $words end] }
    }
}

proc property {key object} {
    if {$key eq "SLACK" && $object eq "max"} { return $::env(VIVADO_SLACK) }
    if {[string match CONFIG.*ACT* $key]} { return 99.99 }
    return [dict get {PROGRESS 100% SLACK 0.05 STARTPOINT_PIN from/C ENDPOINT_PIN to/D} $key]
}

proc write_file {path text} {
    file mkdir [file dirname $path]
    set handle [open $path w]
    puts -nonewline $handle $text
    close $handle
}

proc make_results {} {
    write_file [file join $::project shell.runs impl_1 shell_wrapper.bit] "stand-in for a bitstream"
    write_file [file join $::project shell.gen sources_1 bd shell hw_handoff shell.hwh] "<stand-in/>"
}

set script [lindex $argv [expr {[lsearch $argv -source] + 1}]]
write_file [lindex $argv [expr {[lsearch $argv -log] + 1}]] "stand-in\n"
set argv [lrange $argv [expr {[lsearch $argv -tclargs] + 1}] end]
if {[info exists env(VIVADO_BREAKS)]} { proc $env(VIVADO_BREAKS) args { error "told to break" } }
source $script
