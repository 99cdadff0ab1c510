/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the nRF52840 that this firmware touches; only what is used is named. Every address, field and interrupt
 * number here is compared with Nordic's SVD by a test: keep to the form PERIPHERAL_REGISTER, PERIPHERAL_REGISTER_FIELD
 * and PERIPHERAL_REGISTER_FIELD_VALUE. */
#ifndef KWS_NRF52840_H
#define KWS_NRF52840_H

#include <stdint.h>

#define NRF_REGISTER(address) (*(volatile uint32_t *)(address))

enum {
    NRF52_CORE_HZ = 64000000
};

enum {
    UARTE0_IRQ = 2,
    GPIOTE_IRQ = 6,
    TIMER0_IRQ = 8,
    TIMER2_IRQ = 10,
    RTC0_IRQ = 11,
    PDM_IRQ = 29,
    USBD_IRQ = 39,
    NRF52_NUM_INTERRUPTS = 48
};

/* CLOCK and POWER share their page, their interrupt and their INTEN. */
#define CLOCK_TASKS_HFCLKSTART        NRF_REGISTER(0x40000000u)
#define CLOCK_TASKS_HFCLKSTOP         NRF_REGISTER(0x40000004u)
#define CLOCK_TASKS_LFCLKSTART        NRF_REGISTER(0x40000008u)
#define CLOCK_EVENTS_HFCLKSTARTED     NRF_REGISTER(0x40000100u)
#define CLOCK_INTENCLR                NRF_REGISTER(0x40000308u)
#define CLOCK_HFCLKSTAT               NRF_REGISTER(0x4000040Cu)
#define CLOCK_HFCLKSTAT_SRC_XTAL      (1u << 0)
#define CLOCK_HFCLKSTAT_STATE_RUNNING (1u << 16)
#define CLOCK_LFCLKSTAT               NRF_REGISTER(0x40000418u)
#define CLOCK_LFCLKSTAT_STATE_RUNNING (1u << 16)
#define CLOCK_LFCLKSRC                NRF_REGISTER(0x40000518u)
#define CLOCK_LFCLKSRC_SRC_RC         (0u << 0)
#define CLOCK_TRACECONFIG             NRF_REGISTER(0x4000055Cu)

#define POWER_RESETREAS              NRF_REGISTER(0x40000400u)
#define POWER_RESETREAS_RESETPIN     (1u << 0)
#define POWER_RESETREAS_DOG          (1u << 1)
#define POWER_RESETREAS_SREQ         (1u << 2)
#define POWER_RESETREAS_LOCKUP       (1u << 3)
#define POWER_USBREGSTATUS           NRF_REGISTER(0x40000438u)
#define POWER_USBREGSTATUS_OUTPUTRDY (1u << 1)
#define POWER_GPREGRET               NRF_REGISTER(0x4000051Cu)
#define POWER_DCDCEN                 NRF_REGISTER(0x40000578u)
#define POWER_DCDCEN_DCDCEN          (1u << 0)

/* Pins; port 1 lies behind port 0. */
#define P0_OUTSET(port)             NRF_REGISTER(0x50000508u + 0x300u * (port))
#define P0_OUTCLR(port)             NRF_REGISTER(0x5000050Cu + 0x300u * (port))
#define P0_DIRSET(port)             NRF_REGISTER(0x50000518u + 0x300u * (port))
#define P0_LATCH(port)              NRF_REGISTER(0x50000520u + 0x300u * (port))
#define P0_PIN_CNF(port, n)         NRF_REGISTER(0x50000700u + 0x300u * (port) + 4u * (n))
#define P0_PIN_CNF_DIR_OUTPUT       (1u << 0)
#define P0_PIN_CNF_INPUT_CONNECT    (0u << 1)
#define P0_PIN_CNF_INPUT_DISCONNECT (1u << 1)
#define P0_PIN_CNF_PULL_PULLUP      (3u << 2)
#define P0_PIN_CNF_DRIVE_H0H1       (3u << 8)
#define P0_PIN_CNF_SENSE_HIGH       (2u << 16)
#define P0_PIN_CNF_SENSE_LOW        (3u << 16)

/* One event for all pins that are sensed */
#define GPIOTE_EVENTS_PORT   NRF_REGISTER(0x4000617Cu)
#define GPIOTE_INTENSET      NRF_REGISTER(0x40006304u)
#define GPIOTE_INTENSET_PORT (1u << 31)

#define UARTE0_TASKS_STARTRX                NRF_REGISTER(0x40002000u)
#define UARTE0_TASKS_STOPRX                 NRF_REGISTER(0x40002004u)
#define UARTE0_TASKS_STARTTX                NRF_REGISTER(0x40002008u)
#define UARTE0_TASKS_STOPTX                 NRF_REGISTER(0x4000200Cu)
#define UARTE0_TASKS_FLUSHRX                NRF_REGISTER(0x4000202Cu)
#define UARTE0_EVENTS_RXDRDY                NRF_REGISTER(0x40002108u)
#define UARTE0_EVENTS_ENDRX                 NRF_REGISTER(0x40002110u)
#define UARTE0_EVENTS_ENDTX                 NRF_REGISTER(0x40002120u)
#define UARTE0_EVENTS_ERROR                 NRF_REGISTER(0x40002124u)
#define UARTE0_EVENTS_RXTO                  NRF_REGISTER(0x40002144u)
#define UARTE0_EVENTS_RXSTARTED             NRF_REGISTER(0x4000214Cu)
#define UARTE0_SHORTS                       NRF_REGISTER(0x40002200u)
#define UARTE0_SHORTS_ENDRX_STARTRX         (1u << 5)
#define UARTE0_INTENSET                     NRF_REGISTER(0x40002304u)
#define UARTE0_INTENSET_ENDRX               (1u << 4)
#define UARTE0_INTENSET_ENDTX               (1u << 8)
#define UARTE0_INTENSET_ERROR               (1u << 9)
#define UARTE0_INTENSET_RXSTARTED           (1u << 19)
#define UARTE0_ERRORSRC                     NRF_REGISTER(0x40002480u)
#define UARTE0_ERRORSRC_OVERRUN             (1u << 0)
#define UARTE0_ENABLE                       NRF_REGISTER(0x40002500u)
#define UARTE0_ENABLE_ENABLE_ENABLED        (8u << 0)
#define UARTE0_PSEL_TXD                     NRF_REGISTER(0x4000250Cu)
#define UARTE0_PSEL_RXD                     NRF_REGISTER(0x40002514u)
#define UARTE0_BAUDRATE                     NRF_REGISTER(0x40002524u)
#define UARTE0_BAUDRATE_BAUDRATE_BAUD921600 (0x0F000000u << 0)
#define UARTE0_RXD_PTR                      NRF_REGISTER(0x40002534u)
#define UARTE0_RXD_MAXCNT                   NRF_REGISTER(0x40002538u)
#define UARTE0_TXD_PTR                      NRF_REGISTER(0x40002544u)
#define UARTE0_TXD_MAXCNT                   NRF_REGISTER(0x40002548u)

/* TIMER0: the clock. TIMER1 counts received bytes, TIMER2 tells of a quiet line, TIMER3 counts buffers of sound. */
#define TIMER0_TASKS_START               NRF_REGISTER(0x40008000u)
#define TIMER0_TASKS_CLEAR               NRF_REGISTER(0x4000800Cu)
#define TIMER0_TASKS_SHUTDOWN            NRF_REGISTER(0x40008010u)
#define TIMER0_TASKS_CAPTURE(n)          NRF_REGISTER(0x40008040u + 4u * (n))
#define TIMER0_EVENTS_COMPARE(n)         NRF_REGISTER(0x40008140u + 4u * (n))
#define TIMER0_INTENSET                  NRF_REGISTER(0x40008304u)
#define TIMER0_INTENSET_COMPARE1         (1u << 17)
#define TIMER0_BITMODE                   NRF_REGISTER(0x40008508u)
#define TIMER0_BITMODE_BITMODE_32BIT     (3u << 0)
#define TIMER0_PRESCALER                 NRF_REGISTER(0x40008510u)
#define TIMER0_CC(n)                     NRF_REGISTER(0x40008540u + 4u * (n))
#define TIMER1_TASKS_START               NRF_REGISTER(0x40009000u)
#define TIMER1_TASKS_COUNT               NRF_REGISTER(0x40009008u)
#define TIMER1_TASKS_CLEAR               NRF_REGISTER(0x4000900Cu)
#define TIMER1_TASKS_CAPTURE(n)          NRF_REGISTER(0x40009040u + 4u * (n))
#define TIMER1_MODE                      NRF_REGISTER(0x40009504u)
#define TIMER1_MODE_MODE_LOWPOWERCOUNTER (2u << 0)
#define TIMER1_BITMODE                   NRF_REGISTER(0x40009508u)
#define TIMER1_BITMODE_BITMODE_32BIT     (3u << 0)
#define TIMER1_CC(n)                     NRF_REGISTER(0x40009540u + 4u * (n))
#define TIMER2_TASKS_START               NRF_REGISTER(0x4000A000u)
#define TIMER2_TASKS_CLEAR               NRF_REGISTER(0x4000A00Cu)
#define TIMER2_TASKS_SHUTDOWN            NRF_REGISTER(0x4000A010u)
#define TIMER2_EVENTS_COMPARE(n)         NRF_REGISTER(0x4000A140u + 4u * (n))
#define TIMER2_SHORTS                    NRF_REGISTER(0x4000A200u)
#define TIMER2_SHORTS_COMPARE0_CLEAR     (1u << 0)
#define TIMER2_SHORTS_COMPARE0_STOP      (1u << 8)
#define TIMER2_INTENSET                  NRF_REGISTER(0x4000A304u)
#define TIMER2_INTENSET_COMPARE0         (1u << 16)
#define TIMER2_BITMODE                   NRF_REGISTER(0x4000A508u)
#define TIMER2_BITMODE_BITMODE_32BIT     (3u << 0)
#define TIMER2_PRESCALER                 NRF_REGISTER(0x4000A510u)
#define TIMER2_CC(n)                     NRF_REGISTER(0x4000A540u + 4u * (n))
#define TIMER3_TASKS_START               NRF_REGISTER(0x4001A000u)
#define TIMER3_TASKS_COUNT               NRF_REGISTER(0x4001A008u)
#define TIMER3_TASKS_CLEAR               NRF_REGISTER(0x4001A00Cu)
#define TIMER3_TASKS_CAPTURE(n)          NRF_REGISTER(0x4001A040u + 4u * (n))
#define TIMER3_MODE                      NRF_REGISTER(0x4001A504u)
#define TIMER3_MODE_MODE_LOWPOWERCOUNTER (2u << 0)
#define TIMER3_BITMODE                   NRF_REGISTER(0x4001A508u)
#define TIMER3_BITMODE_BITMODE_32BIT     (3u << 0)
#define TIMER3_CC(n)                     NRF_REGISTER(0x4001A540u + 4u * (n))

/* RTC0: wakes the main loop while TIMER0 is off */
#define RTC0_TASKS_START       NRF_REGISTER(0x4000B000u)
#define RTC0_TASKS_STOP        NRF_REGISTER(0x4000B004u)
#define RTC0_TASKS_CLEAR       NRF_REGISTER(0x4000B008u)
#define RTC0_EVENTS_COMPARE(n) NRF_REGISTER(0x4000B140u + 4u * (n))
#define RTC0_INTENSET          NRF_REGISTER(0x4000B304u)
#define RTC0_INTENSET_COMPARE0 (1u << 16)
#define RTC0_COUNTER           NRF_REGISTER(0x4000B504u)
#define RTC0_PRESCALER         NRF_REGISTER(0x4000B508u)
#define RTC0_CC(n)             NRF_REGISTER(0x4000B540u + 4u * (n))

/* Watchdog */
#define WDT_TASKS_START      NRF_REGISTER(0x40010000u)
#define WDT_RUNSTATUS        NRF_REGISTER(0x40010400u)
#define WDT_CRV              NRF_REGISTER(0x40010504u)
#define WDT_RREN             NRF_REGISTER(0x40010508u)
#define WDT_CONFIG           NRF_REGISTER(0x4001050Cu)
#define WDT_CONFIG_SLEEP_RUN (1u << 0)
#define WDT_RR(n)            NRF_REGISTER(0x40010600u + 4u * (n))
#define WDT_RR_RR_RELOAD     (0x6E524635u << 0)

/* Microphone */
#define PDM_TASKS_START             NRF_REGISTER(0x4001D000u)
#define PDM_TASKS_STOP              NRF_REGISTER(0x4001D004u)
#define PDM_EVENTS_STARTED          NRF_REGISTER(0x4001D100u)
#define PDM_EVENTS_STOPPED          NRF_REGISTER(0x4001D104u)
#define PDM_INTENSET                NRF_REGISTER(0x4001D304u)
#define PDM_INTENSET_STARTED        (1u << 0)
#define PDM_INTENCLR                NRF_REGISTER(0x4001D308u)
#define PDM_INTENCLR_STARTED        (1u << 0)
#define PDM_ENABLE                  NRF_REGISTER(0x4001D500u)
#define PDM_ENABLE_ENABLE           (1u << 0)
#define PDM_PDMCLKCTRL              NRF_REGISTER(0x4001D504u)
#define PDM_PDMCLKCTRL_FREQ_1280K   (0x0A000000u << 0)
#define PDM_MODE                    NRF_REGISTER(0x4001D508u)
#define PDM_MODE_OPERATION_MONO     (1u << 0)
#define PDM_MODE_EDGE_LEFTRISING    (1u << 1)
#define PDM_GAINL                   NRF_REGISTER(0x4001D518u)
#define PDM_GAINL_GAINL_DEFAULTGAIN (0x28u << 0)
#define PDM_GAINR                   NRF_REGISTER(0x4001D51Cu)
#define PDM_RATIO                   NRF_REGISTER(0x4001D520u)
#define PDM_RATIO_RATIO_RATIO80     (1u << 0)
#define PDM_PSEL_CLK                NRF_REGISTER(0x4001D540u)
#define PDM_PSEL_DIN                NRF_REGISTER(0x4001D544u)
#define PDM_SAMPLE_PTR              NRF_REGISTER(0x4001D560u)
#define PDM_SAMPLE_MAXCNT           NRF_REGISTER(0x4001D564u)

/* Flash controller */
#define NVMC_READY          NRF_REGISTER(0x4001E400u)
#define NVMC_READY_READY    (1u << 0)
#define NVMC_CONFIG         NRF_REGISTER(0x4001E504u)
#define NVMC_CONFIG_WEN_REN (0u << 0)
#define NVMC_CONFIG_WEN_WEN (1u << 0)
#define NVMC_CONFIG_WEN_EEN (2u << 0)
#define NVMC_ERASEPAGE      NRF_REGISTER(0x4001E508u)

/* Connections from events to tasks */
#define PPI_CHENSET     NRF_REGISTER(0x4001F504u)
#define PPI_CH_EEP(n)   NRF_REGISTER(0x4001F510u + 8u * (n))
#define PPI_CH_TEP(n)   NRF_REGISTER(0x4001F514u + 8u * (n))
#define PPI_FORK_TEP(n) NRF_REGISTER(0x4001F910u + 4u * (n))

/* USB. Endpoint 0 is control, in and out; n goes by endpoint. */
#define USBD_TASKS_STARTEPIN(n)   NRF_REGISTER(0x40027004u + 4u * (n))
#define USBD_TASKS_STARTEPOUT(n)  NRF_REGISTER(0x40027028u + 4u * (n))
#define USBD_TASKS_EP0RCVOUT      NRF_REGISTER(0x4002704Cu)
#define USBD_TASKS_EP0STATUS      NRF_REGISTER(0x40027050u)
#define USBD_TASKS_EP0STALL       NRF_REGISTER(0x40027054u)
#define USBD_EVENTS_USBRESET      NRF_REGISTER(0x40027100u)
#define USBD_EVENTS_ENDEPIN(n)    NRF_REGISTER(0x40027108u + 4u * (n))
#define USBD_EVENTS_EP0DATADONE   NRF_REGISTER(0x40027128u)
#define USBD_EVENTS_ENDEPOUT(n)   NRF_REGISTER(0x40027130u + 4u * (n))
#define USBD_EVENTS_EP0SETUP      NRF_REGISTER(0x4002715Cu)
#define USBD_EVENTS_EPDATA        NRF_REGISTER(0x40027160u)
#define USBD_INTENSET             NRF_REGISTER(0x40027304u)
#define USBD_INTENSET_USBRESET    (1u << 0)
#define USBD_INTENSET_ENDEPIN0    (1u << 2)
#define USBD_INTENSET_ENDEPIN2    (1u << 4)
#define USBD_INTENSET_EP0DATADONE (1u << 10)
#define USBD_INTENSET_ENDEPOUT0   (1u << 12)
#define USBD_INTENSET_ENDEPOUT2   (1u << 14)
#define USBD_INTENSET_EP0SETUP    (1u << 23)
#define USBD_INTENSET_EPDATA      (1u << 24)
#define USBD_EVENTCAUSE           NRF_REGISTER(0x40027400u)
#define USBD_EVENTCAUSE_READY     (1u << 11)
#define USBD_EPDATASTATUS         NRF_REGISTER(0x4002746Cu)
#define USBD_EPDATASTATUS_EPIN2   (1u << 2)
#define USBD_EPDATASTATUS_EPOUT2  (1u << 18)
#define USBD_BMREQUESTTYPE        NRF_REGISTER(0x40027480u)
#define USBD_BREQUEST             NRF_REGISTER(0x40027484u)
#define USBD_WVALUEL              NRF_REGISTER(0x40027488u)
#define USBD_WVALUEH              NRF_REGISTER(0x4002748Cu)
#define USBD_WLENGTHL             NRF_REGISTER(0x40027498u)
#define USBD_WLENGTHH             NRF_REGISTER(0x4002749Cu)
#define USBD_SIZE_EPOUT(n)        NRF_REGISTER(0x400274A0u + 4u * (n))
#define USBD_ENABLE               NRF_REGISTER(0x40027500u)
#define USBD_ENABLE_ENABLE        (1u << 0)
#define USBD_USBPULLUP            NRF_REGISTER(0x40027504u)
#define USBD_USBPULLUP_CONNECT    (1u << 0)
#define USBD_EPINEN               NRF_REGISTER(0x40027510u)
#define USBD_EPINEN_IN0           (1u << 0)
#define USBD_EPINEN_IN1           (1u << 1)
#define USBD_EPINEN_IN2           (1u << 2)
#define USBD_EPOUTEN              NRF_REGISTER(0x40027514u)
#define USBD_EPOUTEN_OUT0         (1u << 0)
#define USBD_EPOUTEN_OUT2         (1u << 2)
#define USBD_EPIN_PTR(n)          NRF_REGISTER(0x40027600u + 0x14u * (n))
#define USBD_EPIN_MAXCNT(n)       NRF_REGISTER(0x40027604u + 0x14u * (n))
#define USBD_EPOUT_PTR(n)         NRF_REGISTER(0x40027700u + 0x14u * (n))
#define USBD_EPOUT_MAXCNT(n)      NRF_REGISTER(0x40027704u + 0x14u * (n))
#define USBD_EPOUT_AMOUNT(n)      NRF_REGISTER(0x40027708u + 0x14u * (n))

/* This chip's own number */
#define FICR_DEVICEID(n) NRF_REGISTER(0x10000060u + 4u * (n))

/* Of Nordic's errata for the USB: 166, 171, 187, 199; not in the SVD. */
#define NRF52_ERRATA_KEY    NRF_REGISTER(0x4006EC00u)
#define NRF52_ERRATA_171    NRF_REGISTER(0x4006EC14u)
#define NRF52_ERRATA_187    NRF_REGISTER(0x4006ED14u)
#define NRF52_ERRATA_166(n) NRF_REGISTER(0x40027800u + 4u * (n))
#define NRF52_ERRATA_199    NRF_REGISTER(0x40027C1Cu)

/* Of the debug port's lock; not in the SVD (mdk: system_nrf52_approtect.h). */
#define NRF52_APPROTECT_DISABLE NRF_REGISTER(0x40000558u)
#define NRF52_UICR_APPROTECT    NRF_REGISTER(0x10001208u)

#endif
