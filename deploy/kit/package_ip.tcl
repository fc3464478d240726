# Lets Vivado package the core itself, for its catalogue: vivado -mode batch -source package_ip.tcl [-tclargs PART OUTPUT_FOLDER]
# component.xml beside this file describes the same core and can be added to a project's IP repositories as it is (set_property
# ip_repo_paths); this script is for a Vivado that wants a description of its own making.
set here [file dirname [file normalize [info script]]]
set part [expr {[llength $argv] > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set output [file normalize [expr {[llength $argv] > 1 ? [lindex $argv 1] : "ip"}]]
set handle [open [file join $here component.xml]]
regexp {<spirit:name>([^<]*)</spirit:name>} [read $handle] -> core_name
close $handle

create_project -in_memory -part $part
set handle [open [file join $here rtl filelist.f]]
foreach name [split [string trim [read $handle]] \n] { add_files -norecurse [file join $here rtl $name] }
close $handle
add_files -norecurse [file join $here rtl finn_accel_ip.v]
foreach name [lsort [glob -nocomplain -directory [file join $here rtl] *.mem]] { add_files -norecurse $name }
set_property top finn_accel_ip [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir $output -vendor qapflow -library networks -taxonomy /UserIP -import_files -force
set core [ipx::current_core]
set_property name $core_name $core
set_property display_name $core_name $core
set_property version 1.0 $core
ipx::update_checksums $core
ipx::check_integrity -quiet $core
ipx::save_core $core
puts "packaged: $output"
