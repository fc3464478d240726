# Makes the bitstream of an accelerator: block design, synthesis, implementation, reports.
#
#   vivado -mode batch -source block_design.tcl -tclargs SETTINGS.tcl FOLDER
#
# SETTINGS.tcl (written by deploy/shell/settings.py) sets the array `setting`; all results go into FOLDER: accelerator.bit,
# accelerator.hwh, timing.rpt, utilization.rpt, power.rpt and result.txt (lines "key value"). A failed step ends with status 1.

if {[llength $argv] != 2} {
    puts "usage: vivado -mode batch -source block_design.tcl -tclargs SETTINGS.tcl FOLDER"
    exit 2
}
set here [file dirname [file normalize [info script]]]
set folder [file normalize [lindex $argv 1]]
source [lindex $argv 0]
file mkdir $folder

proc result {key value} {
    global folder
    set handle [open [file join $folder result.txt] a]
    puts $handle "$key $value"
    close $handle
}

# The processing system, with one clock for the fabric, one port for registers and one for the DMA's memory.
proc make_processing_system {} {
    global setting
    create_bd_cell -type ip -vlnv xilinx.com:ip:$setting(ps) ps
    if {$setting(ps) eq "processing_system7"} {
        apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
            -config {make_external "FIXED_IO, DDR" apply_board_preset "0"} [get_bd_cells ps]
        set_property -dict [list \
            CONFIG.PCW_USE_M_AXI_GP0 1 \
            CONFIG.PCW_USE_S_AXI_HP0 1 \
            CONFIG.PCW_S_AXI_HP0_DATA_WIDTH $setting(dma_bits) \
            CONFIG.PCW_EN_CLK0_PORT 1 \
            CONFIG.PCW_EN_RST0_PORT 1 \
            CONFIG.PCW_FPGA_FCLK0_ENABLE 1 \
            CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $setting(clock_mhz) \
        ] [get_bd_cells ps]
    } else {
        set_property -dict [list \
            CONFIG.PSU__USE__M_AXI_GP0 0 \
            CONFIG.PSU__USE__M_AXI_GP1 0 \
            CONFIG.PSU__USE__M_AXI_GP2 1 \
            CONFIG.PSU__MAXIGP2__DATA_WIDTH 32 \
            CONFIG.PSU__USE__S_AXI_GP2 1 \
            CONFIG.PSU__SAXIGP2__DATA_WIDTH $setting(dma_bits) \
            CONFIG.PSU__USE__FABRIC__RST 1 \
            CONFIG.PSU__FPGA_PL0_ENABLE 1 \
            CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $setting(clock_mhz) \
        ] [get_bd_cells ps]
    }
}

proc make_cells {} {
    global setting
    create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
    create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect registers
    set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 2] [get_bd_cells registers]
    create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory
    set_property -dict [list CONFIG.NUM_SI 2 CONFIG.NUM_MI 1] [get_bd_cells memory]
    create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma
    set_property -dict $setting(dma) [get_bd_cells dma]
    create_bd_cell -type module -reference accelerator_shell accelerator
}

proc connect_streams_and_buses {} {
    global setting
    connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins accelerator/s_axis]
    connect_bd_intf_net [get_bd_intf_pins accelerator/m_axis] [get_bd_intf_pins dma/S_AXIS_S2MM]
    connect_bd_intf_net [get_bd_intf_pins dma/M_AXI_MM2S] [get_bd_intf_pins memory/S00_AXI]
    connect_bd_intf_net [get_bd_intf_pins dma/M_AXI_S2MM] [get_bd_intf_pins memory/S01_AXI]
    connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins ps/$setting(memory_port)]
    connect_bd_intf_net [get_bd_intf_pins ps/$setting(control_port)] [get_bd_intf_pins registers/S00_AXI]
    connect_bd_intf_net [get_bd_intf_pins registers/M00_AXI] [get_bd_intf_pins dma/S_AXI_LITE]
    connect_bd_intf_net [get_bd_intf_pins registers/M01_AXI] [get_bd_intf_pins accelerator/s_axi]
}

proc connect_clocks_and_resets {} {
    global setting
    foreach pin {
        reset/slowest_sync_clk registers/aclk memory/aclk accelerator/aclk
        dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk
    } {
        connect_bd_net [get_bd_pins ps/$setting(clock_pin)] [get_bd_pins $pin]
    }
    foreach pin $setting(ps_clocks) {
        connect_bd_net [get_bd_pins ps/$setting(clock_pin)] [get_bd_pins ps/$pin]
    }
    connect_bd_net [get_bd_pins ps/$setting(reset_pin)] [get_bd_pins reset/ext_reset_in]
    foreach pin {registers/aresetn memory/aresetn dma/axi_resetn accelerator/aresetn} {
        connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
    }
}

proc assign_addresses {} {
    global setting
    set space [get_bd_addr_spaces ps/Data]
    assign_bd_address -offset $setting(dma_address) -range 64K -target_address_space $space \
        [get_bd_addr_segs dma/S_AXI_LITE/Reg] -force
    assign_bd_address -offset $setting(accelerator_address) -range 4K -target_address_space $space \
        [get_bd_addr_segs accelerator/s_axi/reg0] -force
    assign_bd_address
}

proc implement {} {
    global setting
    launch_runs synth_1 -jobs $setting(jobs)
    wait_on_runs synth_1
    if {[get_property PROGRESS [get_runs synth_1]] ne "100%"} {
        fail "synthesis failed: see runme.log in the project's synth_1"
    }
    launch_runs impl_1 -to_step write_bitstream -jobs $setting(jobs)
    wait_on_runs impl_1
    if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
        fail "implementation failed: see runme.log in the project's impl_1"
    }
    open_run impl_1
}

# The three reports, and what the build's summary wants of them.
proc report {} {
    global folder
    report_timing_summary -file [file join $folder timing.rpt]
    report_utilization -hierarchical -file [file join $folder utilization.rpt]
    report_power -file [file join $folder power.rpt]
    foreach {key delay} {setup max hold min} {
        set path [get_timing_paths -delay_type $delay -max_paths 1 -nworst 1]
        if {[llength $path] == 0} { fail "Vivado reports no $key paths; the clock was not constrained" }
        result ${key}_slack_ns [get_property SLACK $path]
        result ${key}_path "[get_property STARTPOINT_PIN $path] -> [get_property ENDPOINT_PIN $path]"
    }
    result lut [llength [get_cells -hierarchical -filter {REF_NAME =~ LUT*}]]
    result accelerator_lut [llength [get_cells -hierarchical -filter {REF_NAME =~ LUT* && NAME =~ *accelerator/*}]]
}

proc collect {project} {
    global folder
    file copy -force [file join $project shell.runs impl_1 shell_wrapper.bit] [file join $folder accelerator.bit]
    set handoffs [concat [glob -nocomplain [file join $project shell.gen sources_1 bd shell hw_handoff shell.hwh]] \
                         [glob -nocomplain [file join $project shell.srcs sources_1 bd shell hw_handoff shell.hwh]]]
    if {[llength $handoffs] == 0} { fail "Vivado wrote no shell.hwh" }
    file copy -force [lindex $handoffs 0] [file join $folder accelerator.hwh]
}

proc fail {text} {
    result error $text
    puts "ERROR: $text"
    exit 1
}

proc main {} {
    global setting folder here
    set project [file join $folder project]
    create_project -force shell $project -part $setting(part)
    result vivado [version -short]
    foreach file $setting(sources) { add_files -norecurse [file normalize [file join $here $file]] }
    foreach file $setting(memories) { add_files -norecurse [file normalize [file join $here $file]] }
    update_compile_order -fileset sources_1
    create_bd_design shell
    make_processing_system
    make_cells
    connect_streams_and_buses
    connect_clocks_and_resets
    assign_addresses
    validate_bd_design
    result clock_mhz [get_property CONFIG.$setting(actual_clock) [get_bd_cells ps]]
    save_bd_design
    make_wrapper -files [get_files shell.bd] -top -import
    set_property top shell_wrapper [current_fileset]
    update_compile_order -fileset sources_1
    implement
    report
    collect $project
    result done 1
}

file delete -force [file join $folder result.txt]
if {[catch main message]} { fail $message }
